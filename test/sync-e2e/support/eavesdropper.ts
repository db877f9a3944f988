/**
 * A machine of the LAN that takes part in nothing, as a program: it joins the groups that are used for discovery and prints
 * what it hears, a datagram a line, in hex.
 */
import { createSocket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { beaconGroups, beaconPort } from '../../../src/sync/discovery/discovery-limits.ts'

const mdns = { ipv4: '224.0.0.251', ipv6: 'ff02::fb', port: 5_353 }

listen('udp4', beaconGroups.ipv4, beaconPort)
listen('udp6', beaconGroups.ipv6, beaconPort)
listen('udp4', mdns.ipv4, mdns.port)
listen('udp6', mdns.ipv6, mdns.port)
process.stdin.resume().on('end', () => process.exit())

function listen(type: 'udp4' | 'udp6', group: string, port: number): void {
  const socket = createSocket({ type, reuseAddr: true, ipv6Only: type === 'udp6' })
  socket.on('message', (bytes) => process.stdout.write(`${bytes.toString('hex')}\n`))
  socket.bind(port, () => {
    for (const name of Object.keys(networkInterfaces())) {
      if (name === 'lo') continue
      const [own] = (networkInterfaces()[name] ?? []).filter(
        ({ family }) => family === (type === 'udp4' ? 'IPv4' : 'IPv6'),
      )
      if (own === undefined) continue
      socket.addMembership(group, type === 'udp4' ? own.address : `::%${name}`)
    }
    process.stdout.write('\n')
  })
}
