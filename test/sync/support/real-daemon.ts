/** Whole daemons in this process, each with a home and a folder of its own, on real sockets and a real disk. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { createLogger } from '../../../src/base/logger.ts'
import { readSettings, type SettingFlags } from '../../../src/sync/config/settings.ts'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import type { FolderStatus } from '../../../src/sync/device/daemon-api.ts'
import type { RunningDaemon } from '../../../src/sync/device/daemon-start.ts'
import { startDaemon } from '../../../src/sync/device/daemon.ts'
import { DeviceHome } from '../../../src/sync/device/home.ts'
import { eventually, WaitTimeout } from '../../support/deadline.ts'
import { seededBytes } from './seeded-bytes.ts'

export class RealDaemon {
  readonly base = mkdtempSync(join(tmpdir(), 'harp-evil-'))
  readonly home = new DeviceHome(join(this.base, 'home'), join(this.base, 'run'))
  readonly root = join(this.base, 'files')
  readonly logLines: string[] = []
  readonly #flags: SettingFlags
  #daemon: RunningDaemon | undefined

  constructor(name: string, flags: SettingFlags = {}) {
    mkdirSync(this.root)
    this.home.createDevice(nodeSuite, seededBytes(`${name} ${this.base}`), name)
    this.#flags = { HARP_LISTEN: '127.0.0.1:0', HARP_HASHERS: '1', ...flags }
  }

  get daemon(): RunningDaemon {
    if (this.#daemon === undefined) throw new Error('this daemon does not run')
    return this.#daemon
  }

  get api(): RunningDaemon['api'] {
    return this.daemon.api
  }

  get address(): string {
    return this.daemon.listening[0]!
  }

  /** Where its only folder's log, items and packs are. */
  get store(): string {
    const folders = join(this.home.path, 'folders')
    return join(folders, readdirSync(folders)[0]!)
  }

  async start(): Promise<this> {
    const log = createLogger('debug', { write: (line) => void this.logLines.push(line) })
    const settings = readSettings({ HARP_DISCOVERY: 'off' }, this.#flags)
    this.#daemon = await startDaemon({ home: this.home, settings, log, version: 'test' })
    return this
  }

  async founds(name = 'Folder'): Promise<this> {
    await this.api.addFolder({ path: this.root, name })
    return this
  }

  async invite(role: 'write' | 'read' = 'write'): Promise<string> {
    return (await this.api.invite({ folder: this.status().id, role })).code
  }

  async joins(other: RealDaemon, role: 'write' | 'read' = 'write'): Promise<this> {
    await this.api.join({ code: await other.invite(role), path: this.root })
    return this
  }

  status(): FolderStatus {
    return this.api.status().folders[0]!
  }

  write(path: string, content: string | Uint8Array): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true })
    writeFileSync(join(this.root, path), content)
  }

  read(path: string): string | undefined {
    try {
      return readFileSync(join(this.root, path), 'utf8')
    } catch {
      return undefined
    }
  }

  /** All that stands in the folder, without what is ours. */
  tree(): string[] {
    return readdirSync(this.root, { recursive: true, withFileTypes: true })
      .map((entry) => relative(this.root, join(entry.parentPath, entry.name)))
      .filter((path) => path !== '.harp' && !path.startsWith('.harp/'))
      .sort()
  }

  async until(what: string, probe: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
    try {
      await eventually(what, async () => ((await probe()) ? true : undefined), { timeoutMs, everyMs: 50 })
    } catch (error) {
      if (!(error instanceof WaitTimeout)) throw error
      throw new Error(`${error.message}\n${JSON.stringify(this.status(), null, 1)}`, { cause: error })
    }
  }

  async untilReads(path: string, content: string, timeoutMs?: number): Promise<void> {
    await this.until(`${path} to be there`, () => this.read(path) === content, timeoutMs)
  }

  async stop(): Promise<void> {
    await this.#daemon?.stop()
    this.#daemon = undefined
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.base, { recursive: true, force: true })
  }
}
