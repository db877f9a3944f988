import { SqliteStore } from '../../../src/sync/store/sqlite-store.ts'

/**
 * What the tests of SQLite stores run as processes of their own: `node store-child.ts <what> <file>`. `open`: opens and
 * says so, or says why not. `fill`: commits records for ever, three at a time, and says after each commit how many.
 */
const [what, path = ''] = process.argv.slice(2)

try {
  const store = new SqliteStore(path)
  let count = [...store.records()].length
  process.stdout.write(`open ${count}\n`)
  while (what === 'fill') {
    // Killed between these, nothing of them must be there.
    for (let record = 0; record < 3; record++) {
      store.append('batch', new Uint8Array(3_000).fill(count++ % 251))
    }
    store.setFact('count', new Uint8Array(Uint32Array.of(count).buffer))
    store.commit()
    process.stdout.write(`${count}\n`)
  }
  if (what === 'hold') process.stdin.resume()
} catch (error) {
  const { code, message } = error as { code?: string; message: string }
  process.stdout.write(`${code ?? 'none'} ${message}\n`)
}
