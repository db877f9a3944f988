import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Structured log: fields first, then a constant message. Children carry a `component`. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  child(component: string): Logger
  isEnabled(level: LogLevel): boolean
}

/** Field names whose values never reach a log line, at the top or one level down (weakness W36). */
const secretFields = [
  'authorization',
  'authorization-app-api',
  'cookie',
  'set-cookie',
  'harp-shared-key',
  'sharedKey',
  'token',
  'exapp_token',
  'exappToken',
  'metas',
  'privilege_key',
  'privilegeKey',
  'password',
  'secret',
]

export function createLogger(level: LogLevel, destination?: DestinationStream): Logger {
  const paths = secretFields.flatMap((name) => [`["${name}"]`, `*["${name}"]`])
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths, censor: '[secret]' },
  }
  return wrap(destination === undefined ? pino(options) : pino(options, destination))
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
  isEnabled: () => false,
}

function wrap(log: PinoLogger): Logger {
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    child: (component) => wrap(log.child({ component })),
    isEnabled: (level) => log.isLevelEnabled(level),
  }
}
