import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes alive in this process, on the heap and in buffers, after a collection. */
export async function heldBytes(): Promise<number> {
  // NOTE: buffers are freed a turn after the object that held them.
  for (let turn = 0; turn < 2; turn += 1) {
    collect()
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
