import type { SettingFlags } from '../../../src/sync/config/settings.ts'
import { RealDaemon } from './real-daemon.ts'

/** The daemons of a test, which end with it. */
export class Daemons {
  readonly #all: RealDaemon[] = []

  async start(name: string, flags: SettingFlags = {}): Promise<RealDaemon> {
    const made = new RealDaemon(name, flags)
    this.#all.push(made)
    return made.start()
  }

  /** Two of them with one folder that is at rest. */
  async pair(): Promise<readonly [anna: RealDaemon, ben: RealDaemon]> {
    const anna = await (await this.start('Anna')).founds()
    const ben = await (await this.start('Ben')).joins(anna)
    await ben.until('a role', () => ben.status().role === 'write' && ben.status().state === 'idle')
    return [anna, ben]
  }

  async end(): Promise<void> {
    for (const each of this.#all.splice(0)) await each.remove()
  }
}
