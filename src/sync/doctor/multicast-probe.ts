import { createSocket, type Socket } from 'node:dgram'
import { randomBytes } from 'node:crypto'
import { errorCode } from '../../base/errors.ts'
import { beaconGroups, beaconPort } from '../discovery/discovery-limits.ts'

/** An interface of this device that multicast may be used on. */
export interface ProbedInterface {
  readonly name: string
  readonly address: string
}

/** Undefined: what is sent to the group of the beacons there is heard on this machine. Otherwise why not. */
export type ProbeMulticast = (place: ProbedInterface) => Promise<string | undefined>

const waitMs = 1_000

/**
 * Sends to the group of the beacons and listens for it, as two programs of this machine would. Nothing leaves the machine:
 * the datagram may not cross a single wire, and is no beacon.
 */
export const probeMulticast: ProbeMulticast = async (place) => {
  const isSix = place.address.includes(':')
  const socket = createSocket({ type: isSix ? 'udp6' : 'udp4', reuseAddr: true })
  try {
    return await probe(socket, place, isSix)
  } catch (error) {
    return errorCode(error)
  } finally {
    socket.close()
  }
}

async function probe(socket: Socket, { name, address }: ProbedInterface, isSix: boolean) {
  const group = isSix ? beaconGroups.ipv6 : beaconGroups.ipv4
  const via = isSix ? `::%${name}` : address
  const token = randomBytes(16)
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>()
  const timer = setTimeout(() => resolve('what is sent is not heard'), waitMs)
  socket.on('error', reject)
  socket.on('message', (heard) => {
    if (heard.equals(token)) resolve(undefined)
  })
  socket.bind({ port: beaconPort }, () => {
    try {
      socket.addMembership(group, via)
      socket.setMulticastInterface(via)
      socket.setMulticastLoopback(true)
      socket.setMulticastTTL(0)
      socket.send(token, beaconPort, isSix ? `${group}%${name}` : group, (error) => {
        if (error !== null) reject(error)
      })
    } catch (error) {
      reject(error)
    }
  })
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}
