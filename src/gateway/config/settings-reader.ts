import { formatDuration, parseDuration } from '../../base/duration.ts'
import type { ConfigProblem } from './config.ts'
import type { Environment } from './env.ts'
import { longestTimerMs, practicallyUnlimitedMs, type Setting } from './setting.ts'
import { settings, type SettingName } from './settings.ts'

/**
 * Reads single settings by their kind and collects what is wrong. A wrong value becomes a fatal problem and the
 * default is returned in its place, so that the rest is still checked. An empty value counts as not given.
 */
export class SettingsReader {
  readonly #environment: Environment
  readonly #problems: ConfigProblem[] = []

  constructor(environment: Environment) {
    this.#environment = environment
  }

  get problems(): readonly ConfigProblem[] {
    return this.#problems
  }

  /** As written, quotes and blanks included; undefined when empty. */
  exact(name: SettingName): string | undefined {
    const text = this.#environment[name]
    return text === '' ? undefined : text
  }

  /** Without surrounding blanks and quotes. */
  given(name: SettingName): string | undefined {
    const text = unquote((this.#environment[name] ?? '').trim()).trim()
    return text === '' ? undefined : text
  }

  isSetEmpty(name: SettingName): boolean {
    return this.#environment[name] !== undefined && this.given(name) === undefined
  }

  text(name: SettingName): string {
    return this.given(name) ?? settings[name].default
  }

  duration(name: SettingName): number {
    const setting = settings[name]
    const text = this.given(name)
    if (text === undefined) return this.#durationByDefault(setting)
    const timer = parseTimer(text, setting)
    switch (timer.kind) {
      case 'bad':
        this.fatal(name, timer.message, timer.fix)
        return this.#durationByDefault(setting)
      case 'longest':
        this.warn(
          name,
          'has no limit, and hung connections would stay for ever: 24 days are used',
          'give a duration such as 30m',
        )
        return practicallyUnlimitedMs
      case 'ok':
        if (timer.ms > 0 && timer.ms < 1000 && /^\d+$/.test(text)) {
          this.warn(
            name,
            `means ${text} milliseconds, as in HaRP`,
            `write ${text}s if you mean seconds, ${text}ms if not`,
          )
        }
        return timer.ms
    }
  }

  integer(name: SettingName): number {
    const setting = settings[name]
    const text = this.given(name)
    if (text === undefined) return Number(setting.default)
    const value = Number(text.replaceAll('_', ''))
    const isInteger = /^[+-]?\d+(?:_\d+)*$/.test(text) && Number.isSafeInteger(value)
    if (isInteger && isWithin(value, setting)) return value
    const message = `is not a whole number${boundsText(setting)}`
    this.fatal(name, message, `write digits only, such as ${setting.default}`)
    return Number(setting.default)
  }

  number(name: SettingName): number {
    const setting = settings[name]
    const text = this.given(name)
    if (text === undefined) return Number(setting.default)
    const value = Number(text)
    if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) && isWithin(value, setting)) return value
    this.fatal(name, `is not a number${boundsText(setting)}`, `write a number such as ${setting.default}`)
    return Number(setting.default)
  }

  /** `meanings` has a key in lower case for every choice of the setting. */
  choice<Meaning>(name: SettingName, meanings: Readonly<Record<string, Meaning>>): Meaning {
    const known = new Map(Object.entries(meanings))
    const given = known.get(this.text(name).toLowerCase())
    if (given !== undefined) return given
    this.fatal(name, 'is not known', `write one of ${[...known.keys()].join(', ')}`)
    const byDefault = known.get(settings[name].default)
    if (byDefault === undefined) throw new TypeError(`${name}: its default is none of its choices`)
    return byDefault
  }

  boolean(name: SettingName): boolean {
    const yes = { true: true, yes: true, on: true, '1': true }
    return this.choice(name, { ...yes, false: false, no: false, off: false, '0': false })
  }

  /** Absolute paths only: the directory a daemon is started in is an accident. */
  path(name: SettingName): string {
    const text = this.text(name)
    if (text.startsWith('/')) return text.length > 1 ? text.replace(/\/+$/, '') || '/' : text
    this.fatal(name, 'is not an absolute path', 'write the full path, starting with /')
    return settings[name].default
  }

  fatal(name: SettingName, message: string, fix: string, value?: string | null): void {
    this.#problems.push({ severity: 'fatal', name, value: this.#shown(name, value), message, fix })
  }

  warn(name: SettingName, message: string, fix: string, value?: string | null): void {
    this.#problems.push({ severity: 'warning', name, value: this.#shown(name, value), message, fix })
  }

  add(problem: ConfigProblem): void {
    this.#problems.push(problem)
  }

  #shown(name: SettingName, value: string | null | undefined): string | null {
    if (settings[name].kind === 'secret') return null
    return value === undefined ? (this.#environment[name] ?? null) : value
  }

  #durationByDefault(setting: Setting): number {
    const other = Object.keys(settings).find((name): name is SettingName => name === setting.defaultFrom)
    const inherited = parseTimer((other && this.given(other)) ?? setting.default, setting)
    const timer = inherited.kind === 'bad' ? parseTimer(setting.default, setting) : inherited
    return timer.kind === 'ok' ? timer.ms : practicallyUnlimitedMs
  }
}

/** One leading and one trailing `"`, then `'`; they need not pair. Environment files often leave them in. */
export function unquote(text: string): string {
  return text.replace(/^"/, '').replace(/"$/, '').replace(/^'/, '').replace(/'$/, '')
}

type Timer =
  | { readonly kind: 'ok'; readonly ms: number }
  | { readonly kind: 'longest' }
  | { readonly kind: 'bad'; readonly message: string; readonly fix: string }

function parseTimer(text: string, setting: Setting): Timer {
  const ms = parseDuration(text)
  if (ms === undefined) {
    const fix =
      'write a whole number and a unit (us, ms, s, m, h, d), such as 30s; no unit means milliseconds'
    return { kind: 'bad', message: 'is not a duration', fix }
  }
  if (ms === 0 && setting.zero !== undefined) {
    if (setting.zero === 'longest') return { kind: 'longest' }
    return { kind: 'ok', ms: setting.zero === 'unlimited' ? Infinity : 0 }
  }
  const smallestMs = setting.min ?? 1
  if (ms < smallestMs) {
    const smallest = formatDuration(smallestMs)
    return { kind: 'bad', message: `is shorter than ${smallest}`, fix: `write ${smallest} or more` }
  }
  if (ms > longestTimerMs) {
    const fix = setting.zero === 'unlimited' ? 'write 0 for no limit' : 'write 24d or less'
    return { kind: 'bad', message: 'is longer than 24 days, the longest timer there is', fix }
  }
  return { kind: 'ok', ms: Math.ceil(ms) }
}

function isWithin(value: number, setting: Setting): boolean {
  return value >= (setting.min ?? -Infinity) && value <= (setting.max ?? Infinity)
}

function boundsText({ min, max }: Setting): string {
  if (min === undefined) return max === undefined ? '' : ` of at most ${max}`
  return max === undefined ? ` of at least ${min}` : ` from ${min} to ${max}`
}
