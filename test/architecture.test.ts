import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'

/** Who may import whom; `src/demo` and `src/cli` sit on top and enter a zone through its index.ts. */
const mayImport: Record<string, readonly string[]> = {
  base: [],
  codec: ['base'],
  net: ['base'],
  mux: ['base', 'net'],
  gateway: ['base', 'codec', 'net', 'mux'],
  sync: ['base', 'net', 'mux'],
  demo: ['base', 'net'],
  cli: ['base', 'net', 'gateway', 'sync', 'demo'],
}

/** Folders that compute and nothing else: no sockets, files, timers, clock or chance of their own. */
const pure =
  /^(?:codec\/|mux\/|gateway\/access\/|gateway\/frp\/|sync\/(?:crypto\/(?!node-suite)|store\/(?!sqlite-)|(?:format|log|tree|proof|exchange|replica|plan)\/|ids\.ts))/
const impureImport = /^node:(?:net|tls|http|https|http2|fs|timers|child_process|dgram|dns)/
/** The sync core runs in browsers as it is: it may need what every JavaScript engine has, and no more. */
const browserCore =
  /^sync\/(?:crypto\/(?!node-suite)|store\/(?!sqlite-)|(?:format|log|tree|proof|exchange|replica)\/|ids\.ts)/
const browserImport = /^(?:\.|cborg$|@noble\/)/
const nodeGlobal = /\b(?:Buffer\b|process\.|globalThis\b|crypto\.subtle|setImmediate\b)/
const impureCall = /\b(?:Date\.now|performance\.now|Math\.random|setTimeout|setInterval|process\.)\b/
const importPattern = /^(?:import\s+|(?:import|export)\b[^'"=(]*?\bfrom\s+)['"]([^'"]+)['"]/gm
const root = join(import.meta.dirname, '../src')

function sources(): { file: string; text: string; imports: string[] }[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => {
      const text = readFileSync(join(root, file), 'utf8')
      return { file, text, imports: [...text.matchAll(importPattern)].map((match) => match[1] ?? '') }
    })
}

test('every import points down the layer table', () => {
  const broken: string[] = []
  for (const { file, imports } of sources()) {
    const zone = file.split('/')[0] ?? ''
    for (const target of imports) {
      if (!target.startsWith('.')) continue
      const path = relative(root, join(root, dirname(file), target))
      const to = path.split('/')[0] ?? ''
      if (to === zone) continue
      if (!mayImport[zone]?.includes(to)) broken.push(`${file} → ${path}`)
      if (/^(?:gateway|sync)$/.test(to) && path !== `${to}/index.ts`) {
        broken.push(`${file} enters ${to} by ${path}`)
      }
    }
  }
  expect(broken).toEqual([])
})

test('pure folders import and call nothing that reaches outside', () => {
  const broken: string[] = []
  for (const { file, text, imports } of sources()) {
    if (!pure.test(file)) continue
    for (const target of imports) if (impureImport.test(target)) broken.push(`${file} imports ${target}`)
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
    if (impureCall.test(code)) broken.push(`${file} calls ${impureCall.exec(code)?.[0] ?? ''}`)
  }
  expect(broken).toEqual([])
})

test('the sync core needs nothing that a browser does not have', () => {
  const broken: string[] = []
  for (const { file, text, imports } of sources()) {
    if (!browserCore.test(file)) continue
    for (const target of imports) if (!browserImport.test(target)) broken.push(`${file} imports ${target}`)
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
    if (nodeGlobal.test(code)) broken.push(`${file} uses ${nodeGlobal.exec(code)?.[0] ?? ''}`)
  }
  expect(broken).toEqual([])
})

test('the environment is read in one file, and nothing exits or prints outside the edge', () => {
  const broken: string[] = []
  for (const { file, text } of sources()) {
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
    if (/process\.env/.test(code) && !/^\w+\/config\/env\.ts$/.test(file)) {
      broken.push(`${file} reads process.env`)
    }
    if (/process\.exit\(/.test(code)) broken.push(`${file} exits`)
    if (/\bconsole\./.test(code) && file !== 'cli/output.ts') broken.push(`${file} prints`)
    if (/node:child_process/.test(code)) broken.push(`${file} starts processes`)
  }
  expect(broken).toEqual([])
})

test('file names say what is inside', () => {
  const banned = /(?:^|\/)(?:utils?|helpers?|common|misc|manager|types)\.ts$/
  const broken = sources().flatMap(({ file }) =>
    banned.test(file) || !/^[a-z0-9/.-]+$/.test(file) ? [file] : [],
  )
  expect(broken).toEqual([])
})

test('ARCHITECTURE.md names every folder of src, and no other', () => {
  const map = readFileSync(join(root, '../ARCHITECTURE.md'), 'utf8')
  const folders = new Set(
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => relative(root, join(entry.parentPath, entry.name))),
  )
  const named = [...map.matchAll(/`src\/([\w/-]+)\/`/g)].map((match) => match[1] ?? '')

  const missing = [...folders].filter((folder) => {
    const name = folder.split('/').at(-1) ?? ''
    return (
      !map.includes(`src/${folder}/`) &&
      !map.includes(`  ${name}/`) &&
      !/^(?:cli\/commands|demo\/page|codec|gateway)$/.test(folder)
    )
  })

  expect(missing).toEqual([])
  expect(named.filter((folder) => !folders.has(folder))).toEqual([])
})
