/** The programs that a benchmark runs. */
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Name → path of those that are installed. */
export function findPrograms(names: readonly string[], say: (line: string) => void): Map<string, string> {
  const programs = new Map<string, string>()
  for (const name of names) {
    const path = findProgram(name)
    if (path === null) say(`${name} is not installed: left out`)
    else programs.set(name, path)
  }
  return programs
}

export function requiredProgram(programs: ReadonlyMap<string, string>, name: string): string {
  const path = programs.get(name)
  if (path === undefined) throw new Error(`${name} is needed: install the package ${name}`)
  return path
}

/** Debian keeps servers in sbin, which is not on everybody's PATH. */
function findProgram(name: string): string | null {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return directories.map((directory) => join(directory, name)).find(isExecutable) ?? null
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // NOTE: not there, or not for us: both mean "not installed".
    return false
  }
}
