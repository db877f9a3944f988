import { parse, TomlError } from 'smol-toml'
import type { z } from 'zod'
import type { Environment } from '../config/env.ts'
import type { FileProblem } from './file-problem.ts'
import { frpcFile, type FrpcFile } from './frpc-schema.ts'
import { renderTemplate, templateNames } from './frpc-template.ts'
import { toTunnelConfig, type TunnelClientConfig } from './tunnel-config.ts'

export interface FrpcFileReading {
  /** Null where a problem is fatal. */
  readonly config: TunnelClientConfig | null
  readonly problems: readonly FileProblem[]
}

export function neededVariables(source: string): readonly string[] {
  return [...templateNames(source), 'http_proxy']
}

/** All problems at once; never throws. `environment` has what `neededVariables` names. */
export function parseFrpcConfig(source: string, environment: Environment): FrpcFileReading {
  // NOTE: the legacy format is looked for first, since some INI files are TOML as well.
  if (/^\s*\[common\]\s*(?:[#;].*)?$/m.test(source)) {
    return failed({
      key: '[common]',
      message: 'belongs to the INI format that frp gave up with 0.52',
      fix: 'write the file as TOML (serverAddr, serverPort, [[proxies]])',
    })
  }
  const rendered = renderTemplate(source, environment)
  if (rendered.problems.length > 0) return { config: null, problems: rendered.problems }
  let document: unknown
  try {
    document = parse(rendered.text)
  } catch (error) {
    return failed(syntaxProblem(error))
  }
  const result = frpcFile.safeParse(document)
  const problems: FileProblem[] = result.success
    ? [...checkTogether(result.data), ...checkEnvironment(result.data, environment)]
    : result.error.issues.flatMap((issue) => describeIssue(issue))
  const isUsable = result.success && problems.every((each) => each.severity === 'warning')
  return { config: isUsable ? toTunnelConfig(result.data) : null, problems }
}

function failed(problem: Omit<FileProblem, 'severity'>): FrpcFileReading {
  return { config: null, problems: [{ severity: 'fatal', ...problem }] }
}

function syntaxProblem(error: unknown): Omit<FileProblem, 'severity'> {
  // NOTE: the library's message quotes the line, which may hold the token.
  const place = error instanceof TomlError ? `line ${error.line}, column ${error.column}` : 'somewhere'
  return { key: 'the file', message: `is not TOML: ${place}`, fix: 'correct the syntax there' }
}

function describeIssue(issue: z.core.$ZodIssue): FileProblem[] {
  const path = formatPath(issue.path)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      severity: 'fatal',
      key: formatPath([...issue.path, key]),
      message: 'is not supported by harp tunnel',
      fix: 'remove it, or check its spelling',
    }))
  }
  if (path === 'proxies') {
    return [fatal(path, 'is empty', 'add a [[proxies]] section with name, type, remotePort and a target')]
  }
  if (/^proxies\[\d+\]\.type$/.test(path)) {
    return [fatal(path, 'is not "tcp", the only type that harp tunnel serves', 'use "tcp", or keep frpc')]
  }
  return [fatal(path, `is not valid: ${expectation(issue)}`, 'correct it')]
}

/** The library's words say what is expected and name types, not values. */
function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_union') return 'out of range'
  return issue.message.replace(/^Invalid (?:input|option): /, '').replace(/^Too /, 'too ')
}

function formatPath(path: readonly PropertyKey[]): string {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
  return steps.join('').replace(/^\./, '')
}

function fatal(key: string, message: string, fix: string): FileProblem {
  return { severity: 'fatal', key, message, fix }
}

/** What no key says alone. */
function checkTogether(file: FrpcFile): FileProblem[] {
  const problems: FileProblem[] = []
  const names = new Set<string>()
  for (const [index, proxy] of file.proxies.entries()) {
    const path = `proxies[${index}]`
    if (names.has(proxy.name)) {
      problems.push(fatal(`${path}.name`, 'is already taken by another proxy of this file', 'choose another'))
    }
    names.add(proxy.name)
    const isLocal = proxy.localPort !== undefined || proxy.localIP !== undefined
    if (proxy.plugin !== undefined && isLocal) {
      problems.push(fatal(`${path}.plugin`, 'excludes localIP and localPort', 'keep one of the two targets'))
    } else if (proxy.plugin === undefined && proxy.localPort === undefined) {
      problems.push(
        fatal(`${path}.localPort`, 'is missing', 'give localPort, or a unix_domain_socket plugin'),
      )
    }
  }
  const { tls, proxyURL, protocol } = file.transport
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    const missing = tls.certFile === undefined ? 'certFile' : 'keyFile'
    problems.push(fatal(`transport.tls.${missing}`, 'is missing', 'give certFile and keyFile, or neither'))
  }
  if (proxyURL !== undefined && (protocol !== 'tcp' || !isHttpProxy(proxyURL))) {
    problems.push(
      fatal('transport.proxyURL', 'is not an http:// proxy in front of protocol "tcp"', 'use one, or none'),
    )
  }
  const { heartbeatInterval = -1, heartbeatTimeout = -1 } = file.transport
  if (heartbeatTimeout !== -1 && heartbeatTimeout < heartbeatInterval) {
    problems.push(
      fatal(
        'transport.heartbeatTimeout',
        'is shorter than heartbeatInterval',
        'make it at least twice as long',
      ),
    )
  }
  if (!tls.enable) {
    problems.push(
      warning(
        'transport.tls.enable',
        'is false: key and traffic cross the network in clear',
        'set it to true',
      ),
    )
  } else if (tls.trustedCaFile === undefined) {
    problems.push(
      warning(
        'transport.tls.trustedCaFile',
        'is not set: the server is not verified and anybody between could read the key',
        "give the CA file that belongs to the server's certificate",
      ),
    )
  }
  return problems
}

/** frpc takes its proxy from there; a variable that is meant for the app's own requests should not move the tunnel. */
function checkEnvironment(file: FrpcFile, environment: Environment): FileProblem[] {
  if ((environment['http_proxy'] ?? '') === '' || file.transport.proxyURL !== undefined) return []
  return [
    warning(
      'http_proxy',
      'is set in the environment, but not used',
      'set transport.proxyURL to go through it',
    ),
  ]
}

function warning(key: string, message: string, fix: string): FileProblem {
  return { severity: 'warning', key, message, fix }
}

function isHttpProxy(text: string): boolean {
  return URL.canParse(text) && new URL(text).protocol === 'http:'
}
