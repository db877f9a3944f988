import { root, type DiskDevice } from './disk-device.ts'

/** What is on the disk of a device, a line for each thing, in the words of `inView`. */
export function onDisk({ disk, oracle }: DiskDevice): string[] {
  const { model } = disk
  const lines: string[] = []
  const walk = (directory: string, start: string): void => {
    for (const { name } of model.list(directory)) {
      if (start === '' && name === '.harp') continue
      const path = `${directory}/${name}`
      const stat = model.stat(path)
      const bits = `${stat?.exec === true ? 'x' : '-'} ${Math.floor(stat?.mtimeMs ?? 0)}`
      if (stat?.kind === 'directory') {
        lines.push(`${start}${name}/`)
        walk(path, `${start}${name}/`)
      } else if (stat?.kind === 'symlink') lines.push(`${start}${name} ${oracle.contentAt(path)}`)
      else lines.push(`${start}${name} ${oracle.contentAt(path)} ${bits}`)
    }
  }
  walk(root, '')
  return lines.sort()
}

/** What the log of a device shows. */
export function inView({ folder }: DiskDevice): string[] {
  const lines: string[] = []
  for (const { path, shown } of folder?.replica.view.walk() ?? []) {
    const name = path.join('/')
    if (shown.kind === 'directory') {
      lines.push(`${name}/`)
      continue
    }
    const { operation } = shown.current
    const { seconds, nanos } = shown.mtime ?? { seconds: 0, nanos: 0 }
    const bits = `${shown.exec ? 'x' : '-'} ${seconds * 1_000 + Math.floor(nanos / 1e6)}`
    if (operation.type === 'symlink') lines.push(`${name} -> ${operation.target}`)
    else lines.push(`${name} ${operation.content.hash} ${bits}`)
  }
  return lines.sort()
}

export function difference(left: readonly string[], right: readonly string[]): string {
  const only = left.filter((line) => !right.includes(line))
  const missing = right.filter((line) => !left.includes(line))
  return `only there ${JSON.stringify(only.slice(0, 6))}, missing ${JSON.stringify(missing.slice(0, 6))}`
}
