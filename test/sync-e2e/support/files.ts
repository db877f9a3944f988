/** What a person does in a folder. */
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export function write(root: string, path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content)
}

export function append(root: string, path: string, content: string): void {
  appendFileSync(join(root, path), content)
}

export function read(root: string, path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

export function move(root: string, from: string, to: string): void {
  renameSync(join(root, from), join(root, to))
}

/** As editors save: a new file beside, then a rename over the old one. */
export function saveAtomically(root: string, path: string, content: string): void {
  write(root, `${path}.tmp~`, content)
  move(root, `${path}.tmp~`, path)
}

/** The same bytes for the same seed, that no compression or deduplication makes smaller. */
export function noise(length: number, seed: number = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4))
  let state = (seed * 2_654_435_761) >>> 0 || 1
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[at] = state
  }
  return new Uint8Array(words.buffer, 0, length)
}
