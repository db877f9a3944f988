import type { Environment } from '../config/env.ts'
import type { FileProblem } from './file-problem.ts'

/**
 * frpc's file is a Go template before it is TOML. Of that language one form is in use and understood here:
 * `{{ .Envs.NAME }}`, the value of an environment variable as it is. Everything else in braces is refused.
 */
const action = /\{\{(-\s)?((?:(?!\}\})[^])*?)(\s-)?\}\}/g
const environmentName = /^\s*\.Envs\.([A-Za-z_][A-Za-z0-9_]*)\s*$/

/** The variables that a text asks for. */
export function templateNames(text: string): readonly string[] {
  const names = new Set<string>()
  for (const match of text.matchAll(action)) {
    const name = environmentName.exec(match[2] ?? '')?.[1]
    if (name !== undefined) names.add(name)
  }
  return [...names]
}

/** The text with its variables filled in. A variable that is not set is a problem, not an empty text. */
export function renderTemplate(
  text: string,
  environment: Environment,
): { readonly text: string; readonly problems: readonly FileProblem[] } {
  const problems: FileProblem[] = []
  const rendered = text.replace(action, (whole, trimLeft: unknown, content: string, trimRight: unknown) => {
    const name = environmentName.exec(content)?.[1]
    if (name === undefined || trimLeft !== undefined || trimRight !== undefined) {
      problems.push({
        severity: 'fatal',
        key: whole,
        message: 'is a template that is not supported',
        fix: 'write the value itself, or {{ .Envs.NAME }}',
      })
      return ''
    }
    const value = environment[name]
    if (value !== undefined) return value
    problems.push({
      severity: 'fatal',
      key: whole,
      message: `asks for the environment variable ${name}, which is not set`,
      fix: `set ${name}, or write the value itself`,
    })
    return ''
  })
  return { text: rendered, problems }
}
