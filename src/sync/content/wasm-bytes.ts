/**
 * Just enough of the binary format of WebAssembly (core specification 1.0, chapter 5) to write one function by hand: so
 * that the module's source is here to be read, and there is no binary to trust. Instructions are lists of bytes.
 */
export type Code = readonly number[]

/** Value type i32; also "no result" of a block. */
const i32 = 0x7f
const noResult = 0x40
/** "\0asm", version 1. */
const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

export const wasm = {
  local: (index: number): Code => [0x20, ...unsigned(index)],
  setLocal: (index: number): Code => [0x21, ...unsigned(index)],
  teeLocal: (index: number): Code => [0x22, ...unsigned(index)],
  constant: (value: number): Code => [0x41, ...signed(value)],
  /** The address is on the stack; the operands are alignment and a constant that is added to the address. */
  load: (offset = 0): Code => [0x28, 2, ...unsigned(offset)],
  loadByte: (offset = 0): Code => [0x2d, 0, ...unsigned(offset)],
  inTurn: (...parts: readonly Code[]): Code => parts.flat(),
  isLess: [0x48],
  isNotLessUnsigned: [0x4f],
  add: [0x6a],
  shiftLeft: [0x74],
  return: [0x0f],
  when: (...body: readonly Code[]): Code => [0x04, noResult, ...body.flat(), 0x0b],
  /** Runs again and again until a `leave` or a `return` in it; not within a `when`. */
  repeat: (...body: readonly Code[]): Code => [
    0x02,
    noResult,
    0x03,
    noResult,
    ...body.flat(),
    // The innermost label is the loop's: on from its beginning.
    0x0c,
    0,
    0x0b,
    0x0b,
  ],
  /** Out of the `repeat` around it, if the stack's top is not zero. */
  leaveIf: [0x0d, 1],
} as const

/** What is used of the engine's own; not every engine has it. */
export interface WasmEngine {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object
  readonly Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer }
  readonly Instance: new (module: object, imports: object) => { readonly exports: Record<string, unknown> }
}

export const wasmEngine = (globalThis as { readonly WebAssembly?: WasmEngine }).WebAssembly

export interface WasmFunction {
  /** Numbers in, one number out; locals beyond the parameters start as zero. All are i32. */
  readonly parameters: number
  readonly locals: number
  readonly body: readonly Code[]
}

/** A module that imports its memory as `host.memory` and exports the function as `run`. */
export function wasmModule({ parameters, locals, body }: WasmFunction): Uint8Array<ArrayBuffer> {
  const type = [0x60, ...list(Array.from({ length: parameters }, () => [i32])), ...list([[i32]])]
  const code = [...list([[...unsigned(locals), i32]]), ...body.flat(), 0x0b]
  return new Uint8Array([
    ...header,
    ...section(1, [type]),
    ...section(2, [[...text('host'), ...text('memory'), 0x02, 0x00, 1]]),
    ...section(3, [[0]]),
    ...section(7, [[...text('run'), 0x00, 0]]),
    ...section(10, [[...unsigned(code.length), ...code]]),
  ])
}

function section(id: number, items: readonly Code[]): Code {
  const content = list(items)
  return [id, ...unsigned(content.length), ...content]
}

function list(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()]
}

function text(value: string): Code {
  return list([...new TextEncoder().encode(value)].map((byte) => [byte]))
}

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  bytes.push(rest)
  return bytes
}

function signed(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  while (rest < -0x40 || rest > 0x3f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>= 7
  }
  bytes.push(rest & 0x7f)
  return bytes
}
