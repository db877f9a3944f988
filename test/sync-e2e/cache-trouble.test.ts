import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FolderStatus } from '../../src/sync/device/daemon-api.ts'
import { Device, type DeviceOptions } from './support/device.ts'
import { noise, write } from './support/files.ts'
import { remount, withDiskAt } from './support/privileges.ts'

const mib = 1024 * 1024
const folder = 'Shared'

interface Office {
  readonly place: string
  readonly root: string
  readonly ann: Device
  readonly box: Device
  /** Where the cache keeps what it holds. */
  readonly disk: string
}

async function startOffice(
  quota: string,
  box: (disk: string) => Partial<DeviceOptions> = () => ({}),
): Promise<Office> {
  const place = mkdtempSync(join(tmpdir(), 'harp-e2e-cache-'))
  const root = join(place, 'files')
  const disk = join(place, 'disk')
  mkdirSync(root)
  mkdirSync(disk)
  const ann = await Device.start({ name: 'ann', place })
  const cache = await Device.start({ name: 'box', place, ...box(disk) })
  await ann.cli('folder', 'add', root, '--name', folder)
  const invited = await ann.cli('invite', folder, '--role', 'cache', '--json')
  const { code } = invited.json as { code: string }
  const joined = await cache.cli('join', code, disk, '--quota', quota, '--json')
  if (joined.code !== 0) throw new Error(joined.stderr)
  await cache.until(folder, 'a role', ({ role, state }) => role === 'cache' && state === 'idle')
  return { place, root, ann, box: cache, disk }
}

async function end({ place, ann, box }: Office): Promise<void> {
  await Promise.all([ann.dispose(), box.dispose()])
  rmSync(place, { recursive: true, force: true })
}

async function untilHolds({ box }: Office, bytes: number): Promise<void> {
  await box.until(
    folder,
    `${bytes} bytes`,
    ({ cache, state }) => state === 'idle' && (cache?.usedBytes ?? 0) >= bytes,
  )
}

function packBytes(disk: string): number {
  const packs = join(disk, '.harp/cache/packs')
  return readdirSync(packs).reduce((sum, name) => sum + statSync(join(packs, name)).size, 0)
}

/** Of somebody else, until nothing more fits. */
function fillDisk(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (const bytes of [mib, 4_096]) {
      try {
        for (;;) writeSync(file, new Uint8Array(bytes))
      } catch (error) {
        if ((error as { code?: string }).code !== 'ENOSPC') throw error
      }
    }
  } finally {
    closeSync(file)
  }
}

describe('a cache on a disk that is smaller than its quota', () => {
  let office: Office
  /** As the daemon sees it. */
  let disk: string

  beforeAll(async () => {
    office = await startOffice('200M', (path) => ({ wrap: withDiskAt(path, '32m') }))
    disk = join('/proc', String(office.box.pid), 'root', office.disk)
  })
  afterAll(() => end(office))

  it('says so, and leaves a little to others', async () => {
    for (let number = 0; number < 20; number++) {
      write(office.root, `${number}.bin`, noise(2 * mib, number + 1))
    }
    await office.box.untilError(folder, 'FOLDER_DISK_FULL')
    await office.box.untilIdle(folder)
    const { bavail, bsize } = statfsSync(disk)
    expect(bavail * bsize).toBeGreaterThan(mib)
    expect(packBytes(disk)).toBeGreaterThan(16 * mib)
  })

  it('makes room when others take the rest, to the last byte', async () => {
    fillDisk(join(disk, 'of somebody else'))
    const before = packBytes(disk)
    await expect.poll(() => packBytes(disk), { timeout: 60_000 }).toBeLessThan(before)
    await office.box.until(folder, 'at work', ({ state, cache }) => state === 'idle' && cache !== null)
    rmSync(join(disk, 'of somebody else'))
  })

  it('goes on when the disk has grown', async () => {
    remount(office.box.pid, office.disk, 'size=400m')
    await untilHolds(office, 40 * mib)
    const isTrue = ({ errors, cache }: FolderStatus): boolean =>
      errors.length === 0 && cache?.usedBytes === packBytes(disk)
    const { errors } = await office.box.until(folder, 'no error, and the bytes on the disk', isTrue)
    expect(errors).toEqual([])
  })
})

describe('a cache that is killed', () => {
  let office: Office
  beforeAll(async () => {
    office = await startOffice('40M')
  })
  afterAll(() => end(office))

  it('while it fetches and makes room, has packs and an index that agree', async () => {
    for (let round = 0; round < 3; round++) {
      for (let number = 0; number < 10; number++) {
        write(office.root, `${round}-${number}.bin`, noise(2 * mib, round * 10 + number + 1))
      }
      const least = 4 * mib * (round + 1)
      await office.box.until(folder, 'some of it', ({ cache }) => (cache?.usedBytes ?? 0) >= least)
      await office.box.kill9()
      await office.box.up()
    }
    await untilHolds(office, 25 * mib)
    expect(packBytes(office.disk)).toBeLessThanOrEqual(41 * mib)
    const audit = await office.box.api.call('audit', { folder })
    expect(audit).toMatchObject([{ findings: [] }])
    const { cache } = await office.box.folder(folder)
    expect(cache?.chunks).toBe(audit[0]?.chunks)
    const { errors } = await office.box.folder(folder)
    expect(errors.filter(({ code }) => code !== 'FOLDER_STORE_REPAIRED')).toEqual([])
  })
})
