import type { BoundaryScan } from './boundary-scan.ts'
import { wasm, wasmModule } from './wasm-bytes.ts'
import type { Code, WasmEngine } from './wasm-bytes.ts'

const pageLength = 65_536
/** The table lies before the bytes. */
const tableLength = 1_024
/** Bytes looked at in one turn of the loop. */
const stride = 8

/** `find` of `ScriptScan`, with addresses instead of places. */
const find = { from: 0, at: 1, end: 2, threshold: 3, hash: 4, stop: 5 } as const
/** After the named locals, one for each byte of a turn: first the hash of the turn's bytes alone, then the full one. */
const ofByte = (index: number): number => 6 + index

let compiled: object | undefined

export class WasmScan implements BoundaryScan {
  readonly buffer: Uint8Array
  readonly #table: Int32Array
  readonly #run: (from: number, at: number, end: number, threshold: number) => number

  constructor(engine: WasmEngine, capacity: number) {
    compiled ??= new engine.Module(scanModule())
    const pages = Math.ceil((tableLength + capacity) / pageLength)
    const memory = new engine.Memory({ initial: pages, maximum: pages })
    this.#table = new Int32Array(memory.buffer, 0, 256)
    this.buffer = new Uint8Array(memory.buffer, tableLength, capacity)
    const { exports } = new engine.Instance(compiled, { host: { memory } })
    this.#run = exports['run'] as (from: number, at: number, end: number, threshold: number) => number
  }

  use(table: Int32Array): void {
    this.#table.set(table)
  }

  find(from: number, at: number, end: number, threshold: number): number {
    const found = this.#run(from + tableLength, at + tableLength, end + tableLength, threshold)
    return found < 0 ? -1 : found - tableLength
  }
}

function scanModule(): Uint8Array<ArrayBuffer> {
  const { local, setLocal, constant, add, inTurn, repeat, when } = wasm
  const { from, at, end, threshold, hash, stop } = find
  return wasmModule({
    parameters: 4,
    locals: 2 + stride,
    body: [
      // Warm up: from … at
      repeat(leaveUnlessBelow(from, at), roll(from), step(from, 1)),
      // stop = end - (stride - 1): as long as at < stop, a whole turn is left. Addresses begin at 1,024: it is not negative.
      inTurn(local(end), constant(1 - stride), add, setLocal(stop)),
      repeat(leaveUnlessBelow(at, stop), turn(), step(at, stride)),
      // What is left, byte by byte
      repeat(
        leaveUnlessBelow(at, end),
        roll(at),
        inTurn(local(hash), local(threshold), wasm.isLess, when(local(at), wasm.return)),
        step(at, 1),
      ),
      constant(-1),
    ],
  })
}

function leaveUnlessBelow(address: number, limit: number): Code {
  return wasm.inTurn(wasm.local(address), wasm.local(limit), wasm.isNotLessUnsigned, wasm.leaveIf)
}

function step(address: number, by: number): Code {
  return wasm.inTurn(wasm.local(address), wasm.constant(by), wasm.add, wasm.setLocal(address))
}

/** The number in the table of the byte at the address and index. */
function numberOf(address: number, index = 0): Code {
  const { local, loadByte, constant, shiftLeft, load } = wasm
  return wasm.inTurn(local(address), loadByte(index), constant(2), shiftLeft, load())
}

/** hash = hash * 2 + number of the byte */
function roll(address: number): Code {
  const { local, constant, shiftLeft, add, setLocal } = wasm
  return wasm.inTurn(local(find.hash), constant(1), shiftLeft, numberOf(address), add, setLocal(find.hash))
}

/**
 * The hashes of the turn's bytes alone do not wait for those before; each becomes full by adding the hash from before the
 * turn, shifted once for all. So the processor works on several bytes at a time.
 */
function turn(): Code {
  const { local, setLocal, teeLocal, constant, shiftLeft, add, inTurn, when } = wasm
  const code: Code[] = []
  for (let index = 0; index < stride; index++) {
    code.push(numberOf(find.at, index))
    if (index > 0) code.push(inTurn(local(ofByte(index - 1)), constant(1), shiftLeft, add))
    code.push(setLocal(ofByte(index)))
  }
  for (let index = 0; index < stride; index++) {
    code.push(inTurn(local(find.hash), constant(index + 1), shiftLeft, local(ofByte(index)), add))
    code.push(inTurn(teeLocal(ofByte(index)), local(find.threshold), wasm.isLess))
    code.push(when(local(find.at), constant(index), add, wasm.return))
  }
  code.push(local(ofByte(stride - 1)), setLocal(find.hash))
  return code.flat()
}
