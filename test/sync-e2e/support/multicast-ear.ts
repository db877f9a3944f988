/** A stranger on a network: hears all beacons and mDNS of an interface's namespace, and can say something itself. */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { beaconGroups, beaconPort, mdnsPort } from '../../../src/sync/discovery/discovery-limits.ts'

const script = `
const dgram = require('node:dgram')
const [address, port, group, mdnsPort] = process.argv.slice(1)
for (const [name, at, of] of [['beacon', Number(port), group], ['mdns', Number(mdnsPort), '224.0.0.251']]) {
  const socket = dgram.createSocket({ type: 'udp4', reuseAddr: true })
  socket.on('message', (bytes, from) =>
    console.log(JSON.stringify({ via: name, from: from.address, hex: bytes.toString('hex') })))
  socket.bind(at, '0.0.0.0', () => {
    socket.addMembership(of, address)
    socket.setMulticastInterface(address)
    console.log(JSON.stringify({ via: 'ready' }))
    if (name !== 'beacon') return
    process.stdin.on('data', (line) => socket.send(Buffer.from(String(line).trim(), 'hex'), at, of))
  })
}
process.stdin.on('end', () => process.exit())
`

export interface Overheard {
  readonly via: 'beacon' | 'mdns'
  readonly from: string
  readonly bytes: Uint8Array
}

export class MulticastEar {
  readonly heard: Overheard[] = []
  readonly ready: Promise<void>
  readonly #child: ChildProcess

  /** `inside`: what it is started by; `address`: its own there. */
  constructor(inside: readonly string[], address: string) {
    const ports = [String(beaconPort), beaconGroups.ipv4, String(mdnsPort)]
    const [command, ...args] = [...inside, process.execPath, '-e', script, '--', address, ...ports]
    this.#child = spawn(command!, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ready = promise
    let sockets = 0
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const { via, from, hex } = JSON.parse(line) as { via: string; from: string; hex: string }
      if (via === 'ready') {
        sockets++
        if (sockets === 2) resolve()
      } else if (via === 'beacon' || via === 'mdns') {
        this.heard.push({ via, from, bytes: new Uint8Array(Buffer.from(hex, 'hex')) })
      }
    })
  }

  /** As a beacon, to all. */
  say(bytes: Uint8Array): void {
    this.#child.stdin!.write(`${Buffer.from(bytes).toString('hex')}\n`)
  }

  from(address: string): readonly Overheard[] {
    return this.heard.filter((each) => each.from === address)
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }
}
