/** The paths of all keys of block mappings in a YAML text (`image`, `image.tag`), as far as values.yaml goes. */
export function keyPaths(text: string): string[] {
  const paths: string[] = []
  const above: { readonly indent: number; readonly path: string }[] = []
  for (const line of text.split('\n')) {
    const match = /^( *)([A-Za-z]\w*):(?: |$)/.exec(line)
    if (match === null) {
      if (line.trim() !== '' && !line.trimStart().startsWith('#')) throw new Error(`not understood: ${line}`)
      continue
    }
    const [, blanks = '', name = ''] = match
    while ((above.at(-1)?.indent ?? -1) >= blanks.length) above.pop()
    const parent = above.at(-1)
    const path = parent === undefined ? name : `${parent.path}.${name}`
    above.push({ indent: blanks.length, path })
    paths.push(path)
  }
  return paths
}
