import { printable } from '../../base/printable.ts'
import type { CheckInfo } from '../device/daemon-api.ts'

/** What a check of `harp doctor sync` came to. Names are stable: programs may look for them. */

export function ok(name: string, message: string): CheckInfo {
  return { name, result: 'ok', message: printable(message), fix: null }
}

export function warning(name: string, message: string, fix: string): CheckInfo {
  return { name, result: 'warning', message: printable(message), fix: printable(fix) }
}

export function failed(name: string, message: string, fix: string): CheckInfo {
  return { name, result: 'failed', message: printable(message), fix: printable(fix) }
}

/** The first names, and how many more there are. */
export function some(names: readonly string[], most = 3): string {
  const more = names.length - most
  return names.slice(0, most).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

/** Bytes for people. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** step
  return `${step === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[step] ?? ''}`
}

/** Milliseconds for people. */
export function time(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1_000)
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} minutes`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} hours` : `${Math.round(seconds / 86_400)} days`
}
