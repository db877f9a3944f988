/** Times and rates as people write them; undefined for what is none. */

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `90s`, `24h`: in milliseconds. A bare number is none: nobody agrees on its unit. */
export function parseTime(text: string): number | undefined {
  const match = /^(\d{1,9})([smhd])$/.exec(text.trim())
  return match === null ? undefined : Number(match[1]) * (unitMs[match[2] ?? ''] ?? Number.NaN)
}

const sizeFactors: Readonly<Record<string, number>> = {
  '': 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
}
const leastSize = 2 ** 20

/** `200G`: bytes, a megabyte at least. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)([KMGT]?)$/i.exec(text.trim())
  const factor = sizeFactors[(match?.[2] ?? '').toUpperCase()]
  if (match === null || factor === undefined) return undefined
  const size = Math.round(Number(match[1]) * factor)
  return Number.isSafeInteger(size) && size >= leastSize ? size : undefined
}

const factors: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }

/** `512K`, `1.5M`: bytes per second. */
export function parseRate(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)([KMG]?)$/i.exec(text.trim())
  const factor = factors[(match?.[2] ?? '').toUpperCase()]
  if (match === null || factor === undefined) return undefined
  const rate = Math.round(Number(match[1]) * factor)
  return Number.isSafeInteger(rate) ? rate : undefined
}
