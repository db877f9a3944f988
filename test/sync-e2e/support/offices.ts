/**
 * Two offices with a slow line between them. Each device has a network namespace with an interface on its office's LAN;
 * multicast stays in the office. A gate in each LAN has the addresses of the other office's devices, and relays their TCP
 * over the line (`office-gate.ts`); nothing else gets across.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './privileges.ts'
import { Gate, SlowLine } from './slow-line.ts'

export type OfficeName = 'a' | 'b'

export interface OfficesOptions {
  /** How many machines each has, up to 9. */
  readonly machines: Readonly<Record<OfficeName, number>>
  /** Each way. */
  readonly bytesPerSecond: number
  readonly delayMs: number
  /** Where devices listen; the same on all machines. */
  readonly port?: number
}

const names = ['a', 'b'] as const
let made = 0

export class Offices {
  readonly port: number
  readonly #id: string
  readonly #net: string
  readonly #options: OfficesOptions
  readonly #namespaces: string[] = []
  readonly #place = mkdtempSync(join(tmpdir(), 'harp-offices-'))
  #line: SlowLine | undefined

  private constructor(options: OfficesOptions) {
    this.#options = options
    this.port = options.port ?? 22_783
    this.#id = `${process.pid}-${++made}`
    this.#net = `10.${100 + (process.pid % 100)}`
  }

  static async start(options: OfficesOptions): Promise<Offices> {
    const offices = new Offices(options)
    try {
      for (const office of names) offices.#build(office)
      const [a, b] = await Promise.all([offices.#gate('a', 'b'), offices.#gate('b', 'a')])
      offices.#line = new SlowLine([a, b])
      return offices
    } catch (error) {
      await offices.dispose()
      throw error
    }
  }

  get line(): SlowLine {
    if (this.#line === undefined) throw new RangeError('there is no line yet')
    return this.#line
  }

  /** What a program on a machine is started by. */
  inside(office: OfficeName, machine: number): readonly string[] {
    return ['ip', 'netns', 'exec', this.#machine(office, machine)]
  }

  address(office: OfficeName, machine: number): string {
    return `${this.#subnet(office)}.${machine + 1}`
  }

  /** Packets of IPv4 and IPv6 that came for this machine alone, not for a group, since it was built. */
  unicastPackets(office: OfficeName, machine: number): number {
    // What is for groups is read last: who gets one meanwhile has too few for a moment, never too many.
    return Math.max(...[1, 2, 3].map(() => this.#unicastPackets(office, machine)))
  }

  async dispose(): Promise<void> {
    await this.#line?.stop()
    for (const name of this.#namespaces) run('ip', 'netns', 'delete', name)
    rmSync(this.#place, { recursive: true, force: true })
  }

  #build(office: OfficeName): void {
    const gate = this.#gateName(office)
    const other = office === 'a' ? 'b' : 'a'
    this.#addNamespace(gate)
    const inGate = (...args: string[]): string => run('ip', '-n', gate, ...args)
    inGate('link', 'add', 'lan', 'type', 'bridge', 'mcast_snooping', '0')
    inGate('addr', 'add', `${this.#subnet(office)}.254/24`, 'dev', 'lan')
    inGate('link', 'set', 'lan', 'up')
    for (let machine = 0; machine < this.#options.machines[other]; machine++) {
      inGate('addr', 'add', `${this.address(other, machine)}/32`, 'dev', 'lo')
    }
    for (let machine = 0; machine < this.#options.machines[office]; machine++) {
      const name = this.#machine(office, machine)
      this.#addNamespace(name)
      run(
        'ip',
        'link',
        'add',
        'eth0',
        'netns',
        name,
        'type',
        'veth',
        'peer',
        'name',
        `p${machine}`,
        'netns',
        gate,
      )
      inGate('link', 'set', `p${machine}`, 'master', 'lan', 'up')
      run('ip', '-n', name, 'addr', 'add', `${this.address(office, machine)}/24`, 'dev', 'eth0')
      run('ip', '-n', name, 'link', 'set', 'eth0', 'up')
      run('ip', '-n', name, 'route', 'add', 'default', 'via', `${this.#subnet(office)}.254`)
    }
  }

  async #gate(office: OfficeName, other: OfficeName): Promise<Gate> {
    const { machines, bytesPerSecond, delayMs } = this.#options
    return Gate.start(['ip', 'netns', 'exec', this.#gateName(office)], {
      addresses: Array.from({ length: machines[other] }, (_, machine) => this.address(other, machine)),
      ports: [this.port],
      own: join(this.#place, office),
      other: join(this.#place, other),
      bytesPerSecond,
      delayMs,
    })
  }

  #addNamespace(name: string): void {
    run('ip', 'netns', 'add', name)
    this.#namespaces.push(name)
    // Else an address of IPv6 is of no use for a second or two after its interface is up.
    const inside = (...args: string[]): string => run('ip', 'netns', 'exec', name, ...args)
    inside(
      'sh',
      '-c',
      'for kind in all default; do echo 0 > /proc/sys/net/ipv6/conf/$kind/accept_dad; done || true',
    )
    run('ip', '-n', name, 'link', 'set', 'lo', 'up')
  }

  #unicastPackets(office: OfficeName, machine: number): number {
    const files = ['snmp', 'netstat', 'snmp6'].map((name) => `/proc/net/${name}`)
    const text = run(...this.#command(office, machine), 'cat', ...files)
    const table = tableOf(text)
    const of = (name: string): number => table.get(name) ?? 0
    const ip4 = of('Ip.InDelivers') - of('IpExt.InMcastPkts')
    return ip4 + of('Ip6InReceives') - of('Ip6InMcastPkts')
  }

  #command(office: OfficeName, machine: number): [string, ...string[]] {
    return ['ip', 'netns', 'exec', this.#machine(office, machine)]
  }

  #machine(office: OfficeName, machine: number): string {
    return `harp-${office}${machine}-${this.#id}`
  }

  #gateName(office: OfficeName): string {
    return `harp-gate-${office}-${this.#id}`
  }

  #subnet(office: OfficeName): string {
    return `${this.#net}.${names.indexOf(office) + 1}`
  }
}

/** Pairs of lines, names and values, or both in one line. */
function tableOf(text: string): Map<string, number> {
  const found = new Map<string, number>()
  const heads = new Map<string, readonly string[]>()
  for (const line of text.trim().split('\n')) {
    const [name = '', ...rest] = line.trim().split(/:?\s+/)
    const keys = heads.get(name)
    if (rest.length === 1) found.set(name, Number(rest[0]))
    else if (keys === undefined) heads.set(name, rest)
    else for (const [index, key] of keys.entries()) found.set(`${name}.${key}`, Number(rest[index]))
  }
  return found
}
