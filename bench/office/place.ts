/** The machines that a part of the benchmark runs on, and their end. */
import { randomFillSync } from 'node:crypto'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Offices, type OfficeName } from '../../test/sync-e2e/support/offices.ts'
import { OfficeDevice } from './device.ts'

export interface LineOptions {
  readonly bytesPerSecond: number
  readonly delayMs: number
}

const noLine: LineOptions = { bytesPerSecond: 1e9, delayMs: 1 }

export class Place {
  readonly directory: string
  readonly #offices: Offices
  readonly #devices: OfficeDevice[] = []
  readonly #taken = { a: 0, b: 0 }
  #isLeft = false

  private constructor(directory: string, offices: Offices) {
    this.directory = directory
    this.#offices = offices
  }

  static async open(
    parent: string,
    machines: Readonly<Record<OfficeName, number>>,
    line: LineOptions = noLine,
  ): Promise<Place> {
    const offices = await Offices.start({ machines, ...line })
    return new Place(mkdtempSync(join(parent, 'harp-bench-office-')), offices)
  }

  /** With keys, and not up. */
  async device(office: OfficeName, name: string): Promise<OfficeDevice> {
    const wrap = this.#offices.inside(office, this.#taken[office]++)
    const device = await OfficeDevice.make({
      name,
      directory: this.directory,
      wrap,
      port: this.#offices.port,
    })
    this.#devices.push(device)
    return device
  }

  async lineBytes(): Promise<number> {
    const [fromA, fromB] = await this.#offices.line.bytes()
    return fromA + fromB
  }

  async leave(): Promise<void> {
    if (this.#isLeft) return
    this.#isLeft = true
    await Promise.all(this.#devices.map((device) => device.stop()))
    await this.#offices.dispose()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

const part = Buffer.allocUnsafe(1_048_576)

/** Bytes that nobody has had. */
export function writeNew(path: string, bytes: number): void {
  mkdirSync(dirname(path), { recursive: true })
  const file = openSync(path, 'w')
  for (let left = bytes; left > 0; left -= part.length) {
    writeSync(file, randomFillSync(part), 0, Math.min(left, part.length))
  }
  closeSync(file)
}

export function writeMany(folder: string, count: number, bytes: number): void {
  const content = Buffer.allocUnsafe(bytes)
  for (let file = 0; file < count; file++) {
    const directory = join(folder, `d${Math.floor(file / 200)}`)
    if (file % 200 === 0) mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `f${file}`), randomFillSync(content))
  }
}
