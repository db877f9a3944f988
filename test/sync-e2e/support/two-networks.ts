/** Two network namespaces with a cable between them. */
import { run } from './privileges.ts'

let made = 0

export class TwoNetworks {
  readonly #names: readonly [string, string]
  /** Addresses of the two. */
  readonly addresses: readonly [string, string]

  constructor() {
    const id = `${process.pid}-${++made}`
    this.#names = [`harp-a-${id}`, `harp-b-${id}`]
    const net = `10.${100 + (process.pid % 100)}.${made}`
    this.addresses = [`${net}.1`, `${net}.2`]
    const [one, other] = this.#names
    for (const name of this.#names) run('ip', 'netns', 'add', name)
    run('ip', 'link', 'add', 'harp0', 'netns', one, 'type', 'veth', 'peer', 'name', 'harp0', 'netns', other)
    for (const [index, name] of this.#names.entries()) {
      run('ip', '-n', name, 'addr', 'add', `${this.addresses[index]}/24`, 'dev', 'harp0')
      for (const device of ['lo', 'harp0']) run('ip', '-n', name, 'link', 'set', device, 'up')
    }
  }

  /** What a program of one side is started by. */
  inside(side: 0 | 1): readonly string[] {
    return ['ip', 'netns', 'exec', this.#names[side]]
  }

  /** Packets go to a machine that does not exist: they are lost, and no end is told. */
  cut(): void {
    for (const [index, name] of this.#names.entries()) {
      const other = this.addresses[1 - index] ?? ''
      const nowhere = ['lladdr', '02:00:00:00:00:01', 'dev', 'harp0', 'nud', 'permanent']
      run('ip', '-n', name, 'neigh', 'replace', other, ...nowhere)
    }
  }

  mend(): void {
    for (const [index, name] of this.#names.entries()) {
      run('ip', '-n', name, 'neigh', 'del', this.addresses[1 - index] ?? '', 'dev', 'harp0')
    }
  }

  dispose(): void {
    for (const name of this.#names) run('ip', 'netns', 'delete', name)
  }
}
