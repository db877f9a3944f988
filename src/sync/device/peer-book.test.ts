import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Link } from '../link/link.ts'
import { DeviceHome } from './home.ts'
import { PeerBook } from './peer-book.ts'

const [own, peer, other] = ['00', '11', '22'].map((digits) => digits.repeat(32)) as [string, string, string]
let place: string
let home: DeviceHome

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'harp-peers-'))
  mkdirSync(join(place, 'home'))
  home = new DeviceHome(join(place, 'home'), join(place, 'run'))
})

afterEach(() => rmSync(place, { recursive: true, force: true }))

function open(): PeerBook {
  return new PeerBook(home, { deviceId: own, name: 'me' }, (error) => {
    throw error
  })
}

function link(address: string, peerListens: readonly string[], isDialled = true): Link {
  return { peer, peerName: 'nas', address, peerListens, isDialled } as unknown as Link
}

const ways = (book: PeerBook): string[] => book.waysOf(peer).map(({ address, via }) => `${address} ${via}`)

test('how an address became known is kept over a restart; what was seen is not', () => {
  const book = open()
  book.introduce(peer, ['i:1'])
  book.linked(link('r:1', ['s:1', 'i:1']))
  book.told(peer, ['m:1'])
  book.sighted({ device: peer, address: 'b:1', via: 'beacon', interfaceName: 'eth0' })

  expect(ways(book)).toEqual(['b:1 beacon', 'r:1 reached', 's:1 said', 'i:1 said', 'm:1 member'])
  expect(ways(open())).toEqual(['r:1 reached', 's:1 said', 'i:1 said', 'm:1 member'])
  expect(open().nameOf(peer)).toBe('nas')
})

test('what others say takes no place of what is known first hand, and is bounded', () => {
  const book = open()
  const said = Array.from({ length: 6 }, (_, index) => `s:${index}`)
  book.linked(link('x:1', said, false))
  book.told(peer, ['m:1', 'm:2', 'm:3', 'm:4', 'm:5', 's:0'])
  expect(ways(book)).toEqual([...said.map((each) => `${each} said`), 'm:1 member', 'm:2 member'])
  book.told(other, ['m:1', 'm:2', 'm:3', 'm:4', 'm:5'])
  expect(book.addressesOf(other).length).toBe(4)
  book.told(own, ['m:1'])
  expect(book.addressesOf(own)).toEqual([])
})

test('a home of before, without origins, is read', () => {
  home.savePeers({ [peer]: { name: 'nas', addresses: ['a:1'] } })

  expect(ways(open())).toEqual(['a:1 said'])
})

test('what was seen of those who are no members any more is forgotten', () => {
  const book = open()
  book.sighted({ device: peer, address: 'b:1', via: 'mdns', interfaceName: 'eth0' })
  book.keepOnly(new Set([other]))

  expect(ways(book)).toEqual([])
})

test('who is known by its address alone has no name', () => {
  const book = open()
  book.told(peer, ['m:1'])
  book.introduce(other, ['i:1'])

  expect([book.nameOf(peer), book.nameOf(other), open().nameOf(peer)]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})
