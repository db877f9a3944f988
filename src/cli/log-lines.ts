import { printable } from '../base/printable.ts'

/** What the structured log writes, a JSON object a line, as lines for people. */
export function readableLogLine(json: string): string {
  const fields = parseFields(json)
  if (fields === undefined) return printable(json)
  const { time, level, component, msg, ...rest } = fields
  const more = Object.entries(rest).map(([name, value]) => `${name}=${valueText(value)}`)
  const where = component === undefined ? [] : [`${valueText(component)}:`]
  return printable([time, level, ...where, msg, ...more].map((part) => valueText(part ?? '')).join(' '))
}

function parseFields(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return value
  return JSON.stringify(value) ?? ''
}
