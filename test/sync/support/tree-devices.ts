import type { FileContent, Operation } from '../../../src/sync/format/operation.ts'
import type { Planned } from '../../../src/sync/tree/intents.ts'
import type { TreeView } from '../../../src/sync/tree/tree-view.ts'
import { OrderedTree, viewItems, type TestEntry } from './ordered-tree.ts'

/** Devices that write and meet, with hashes and ids that are the same in every run. */
export class Devices {
  readonly all: TestDevice[] = []
  readonly entries: TestEntry[] = []
  #random = 1

  constructor(count: number) {
    for (let index = 0; index < count; index++) this.all.push(new TestDevice(this, index))
  }

  device(index: number): TestDevice {
    return this.all[index % this.all.length]!
  }

  /** Everybody has everything. */
  meet(): void {
    for (const device of this.all) device.tree.take(this.entries)
  }

  hex(digits: number): string {
    let text = ''
    while (text.length < digits) {
      this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0
      text += (this.#random >>> 8).toString(16).padStart(6, '0')
    }
    return text.slice(0, digits)
  }

  random = (length: number): Uint8Array => {
    const text = this.hex(length * 2)
    return Uint8Array.from({ length }, (_, index) =>
      Number.parseInt(text.slice(index * 2, index * 2 + 2), 16),
    )
  }
}

export class TestDevice {
  readonly tree = new OrderedTree()
  readonly #devices: Devices
  readonly #index: number
  /** Added to the clock, for devices whose clock is wrong. */
  ahead = 0

  constructor(devices: Devices, index: number) {
    this.#devices = devices
    this.#index = index
  }

  get view(): TreeView<TestEntry> {
    return this.tree.view
  }

  write(operation: Operation | undefined): TestEntry {
    const { order, known } = this.tree
    const hlc = Math.max(order.at(-1)?.hlc ?? 0, this.#devices.entries.length + this.ahead) + 1
    const hash = this.#devices.hex(64)
    const entry = { hash, hlc, device: this.#index, past: new Set(known), operation }
    this.#devices.entries.push(entry)
    this.tree.take([entry])
    return entry
  }

  /** Writes what was planned; a refusal is an error here. */
  do(planned: Planned): TestEntry[] {
    if (typeof planned === 'string') throw new Error(planned)
    return planned.map((operation) => this.write(operation))
  }

  /** Takes everything the other has. */
  hear(other: TestDevice): void {
    this.tree.take(other.tree.order)
  }

  /** The paths shown; directories end in a slash. */
  paths(): string[] {
    return viewItems(this.view).map((item) => (item.kind === 'directory' ? `${item.path}/` : item.path))
  }
}

/** A file's content that can be told from others. */
export function content(mark: number, exec = false): FileContent {
  const hash = mark.toString(16).padStart(64, '0')
  return { manifest: Uint8Array.of(mark & 255), size: mark, mtime: { seconds: mark, nanos: 0 }, exec, hash }
}
