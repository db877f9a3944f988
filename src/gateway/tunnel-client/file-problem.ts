/** What is wrong with frpc's file. Values are not in here: any of them may be a secret. */
export interface FileProblem {
  readonly severity: 'fatal' | 'warning'
  /** The key with its whole path, as `proxies[0].transport.useCompression`. */
  readonly key: string
  readonly message: string
  readonly fix: string
}

/** One line each, the fatal ones first. */
export function formatFileProblems(problems: readonly FileProblem[]): string[] {
  const line = ({ key, message, fix }: FileProblem): string => oneLine(`${key} ${message}. Fix: ${fix}.`)
  const of = (severity: FileProblem['severity']): FileProblem[] =>
    problems.filter((each) => each.severity === severity)
  return [
    ...of('fatal').map((each) => `ERROR: ${line(each)}`),
    ...of('warning').map((each) => `WARNING: ${line(each)}`),
  ]
}

/** A key is text of the file: it must not forge a second line. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
}
