import { describe, expect, test } from 'vitest'
import { FormatError } from '../format/format-error.ts'
import { frameLimits } from '../link/link-limits.ts'
import { sharingLimits } from '../transfer/transfer-limits.ts'
import { presenceLimits as limits } from './presence-limits.ts'
import { decodePresence, encodePresence } from './presence-message-codec.ts'
import type { PresenceMessage } from './presence-message.ts'

const ids = (count: number): Uint8Array => new Uint8Array(32 * count).fill(7)
const host = (length: number): string => `${'a'.repeat(length - 5)}:7000`
const known = (devices: number, addresses: number, length = 20): PresenceMessage => ({
  type: 'addresses',
  known: Array.from({ length: devices }, (_, index) => ({
    device: index.toString(16).padStart(64, '0'),
    addresses: Array.from({ length: addresses }, () => host(length)),
    ageSeconds: 86_400,
  })),
})

const messages: [string, PresenceMessage][] = [
  ['state', { type: 'state', keep: 'cache', isComplete: true, chunkBytes: 2 ** 52, time: 1_767_225_600_000 }],
  ['addresses', known(limits.devices, limits.addresses)],
  ['no addresses', known(0, 0)],
  ['a question', { type: 'ask-holds', number: 3, ids: ids(limits.ids) }],
  ['its answer', { type: 'holds', number: 3, bits: new Uint8Array(limits.ids / 8).fill(255) }],
  ['a claim', { type: 'claim', number: 0, ids: ids(sharingLimits.ids) }],
  ['its answer', { type: 'answer', number: 0, verdicts: new Uint8Array(sharingLimits.ids).fill(2) }],
  ['got', { type: 'got', ids: ids(sharingLimits.ids) }],
  ['release', { type: 'release', ids: ids(1) }],
]

test.each(messages)('%s comes back as it was', (_what, message) => {
  const bytes = encodePresence(message)
  expect(decodePresence(bytes)).toEqual(message)
  expect(bytes.length).toBeLessThanOrEqual(frameLimits.presence.headBytes)
})

const tooMuch: [string, PresenceMessage][] = [
  ['devices', known(limits.devices + 1, 1)],
  ['addresses of a device', known(1, limits.addresses + 1)],
  ['bytes in an address', known(1, 1, 263)],
  ['ids in a question', { type: 'ask-holds', number: 0, ids: ids(limits.ids + 1) }],
  ['bits in an answer', { type: 'holds', number: 0, bits: new Uint8Array(limits.ids / 8 + 1) }],
  ['ids in a claim', { type: 'claim', number: 0, ids: ids(sharingLimits.ids + 1) }],
  ['verdicts', { type: 'answer', number: 0, verdicts: new Uint8Array(sharingLimits.ids + 1) }],
  ['ids that are here', { type: 'got', ids: ids(sharingLimits.ids + 1) }],
]

test.each(tooMuch)('too many %s are not sent', (_what, message) => {
  expect(() => encodePresence(message)).toThrow(FormatError)
})

describe('what is refused:', () => {
  const length = (bytes: number): string =>
    bytes < 24 ? (0x40 + bytes).toString(16) : `59${bytes.toString(16).padStart(4, '0')}`
  const bytes = (count: number): string => length(count) + '07'.repeat(count)
  const cases: [string, string][] = [
    ['nothing', ''],
    ['no map', '820501'],
    ['a type that nobody knows', 'a2000901' + bytes(32)],
    ['ids that are cut', 'a2000701' + bytes(31)],
    ['no ids', 'a2000701' + bytes(0)],
    ['one id too many', 'a2000701' + bytes(32 * (sharingLimits.ids + 1))],
    ['one id too many in a claim', 'a30005010002' + bytes(32 * (sharingLimits.ids + 1))],
    ['one bit too many', 'a30004010002' + bytes(limits.ids / 8 + 1)],
    ['a verdict that nobody knows', 'a3000601000243' + '000103'],
    ['a field too many', 'a3000701' + bytes(32) + '0200'],
    ['bytes after the end', 'a2000701' + bytes(32) + '00'],
    ['a longer number than needed', 'a200180701' + bytes(32)],
    ['a way to keep content that nobody knows', 'a4000101040200' + '0300'],
    ['neither yes nor no', 'a4000101000202' + '0300'],
    ['an array of 2^32 devices', 'a20002019affffffff'],
    ['one device too many', 'a2000201' + '9841' + '8358200000'],
    ['an address that is none', `a200020181835820${'00'.repeat(32)}816378797a00`],
  ]
  test.each(cases)('%s', (_what, hex) => {
    expect(() => decodePresence(Buffer.from(hex, 'hex'))).toThrow(FormatError)
  })
})
