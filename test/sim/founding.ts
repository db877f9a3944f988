import type { FolderId } from '../../src/sync/ids.ts'
import { Replica } from '../../src/sync/replica/replica.ts'
import type { SimDevice } from './device.ts'
import type { Schedule } from './schedule.ts'

/**
 * The first device founds the folder and grants everybody's role, with all devices in one room. Takes one millisecond
 * per device.
 */
export function foundFolder(
  { mode, authority, roles }: Schedule,
  devices: readonly SimDevice[],
  seated: Set<number>,
): FolderId {
  const founder = devices[0] as SimDevice
  const { suite, store, keys } = founder
  const random = (length: number) => founder.chance.bytes(length)
  const isServed = mode === 'server_authoritative'
  const founding = { mode, ...(isServed && { authority: (devices[authority] as SimDevice).keys.record }) }
  const replica = Replica.found({ suite, store, keys, random }, founding, founder.now(0))
  founder.replica = replica
  seated.add(0)
  devices.forEach((device, index) => {
    const role = roles[index]
    const isIn = index === 0 || (index === authority && isServed && role === 'write')
    if (role && !isIn) replica.grant(device.keys.record, role, founder.now(index))
  })
  devices.forEach((device, index) => {
    if (index === 0 || !roles[index]) return
    seated.add(index)
    seat(device, replica, founder.now(devices.length))
  })
  return replica.folderId
}

function seat(device: SimDevice, from: Replica, now: number): void {
  const replica = device.start(from.folderId)
  for (const head of from.log.branchHeads()) {
    for (const { bytes } of from.log.batchesFrom(head.branch, 0)) replica.receive(bytes, 'device-0', now)
  }
  replica.commit()
}
