import { expect, test } from 'vitest'
import { linkDevice } from '../../../test/sync/support/link-hubs.ts'
import { errorCode } from '../../base/errors.ts'
import { labels } from '../crypto/labels.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { concatBytes, encodeCbor } from '../format/cbor.ts'
import { decodeBase32, encodeBase32 } from '../format/base32.ts'
import { decodeInvitation, encodeInvitation, type Invitation } from './invitation.ts'
import { linkLimits } from './link-limits.ts'

const invitation: Invitation = {
  folderId: 'ab'.repeat(32),
  inviter: linkDevice(0).deviceId,
  addresses: ['192.168.1.4:22783', '[2001:db8::1]:22783'],
  secret: new Uint8Array(16).fill(7),
  role: 'write',
  expires: 2_000_000_000,
  folderName: 'Music',
}
const now = 1_900_000_000_000
const code = encodeInvitation(nodeSuite, invitation)

function fault(text: string, wallMs = now): string {
  try {
    decodeInvitation(nodeSuite, text, wallMs)
    return 'none'
  } catch (error) {
    return errorCode(error)
  }
}

test('a join code is one word that says all', () => {
  expect(code).toMatch(/^harp-[a-z2-7]+$/)
  expect(code.length).toBeLessThan(320)
  expect(decodeInvitation(nodeSuite, code, now)).toEqual(invitation)
})

test('case, spaces and line breaks do not matter', () => {
  const wrapped = `\n  ${code.toUpperCase().replaceAll(/.{40}/g, '$& \r\n')} `
  expect(decodeInvitation(nodeSuite, wrapped, now)).toEqual(invitation)
})

test('every cut of a join code is called one', () => {
  for (let length = 'harp-'.length; length < code.length; length++) {
    expect(fault(code.slice(0, length))).toBe('INVITATION_TRUNCATED')
  }
  expect(fault('')).toBe('INVITATION_MALFORMED')
  expect(fault('hello world')).toBe('INVITATION_MALFORMED')
})

test('any wrong character is noticed', () => {
  for (let at = 'harp-'.length; at < code.length - 1; at++) {
    const wrong = code[at] === 'a' ? 'b' : 'a'
    expect(fault(code.slice(0, at) + wrong + code.slice(at + 1))).toMatch(
      /^INVITATION_(?:DAMAGED|TRUNCATED)$/,
    )
  }
  expect(fault(`${code}aaaa`)).toBe('INVITATION_DAMAGED')
  expect(fault(code.replace(/.$/, '!'))).toBe('INVITATION_DAMAGED')
})

test('an expired one is refused, with some patience for clocks', () => {
  const end = invitation.expires * 1_000
  expect(fault(code, end)).toBe('none')
  expect(fault(code, end + 300_000)).toBe('none')
  expect(fault(code, end + 300_001)).toBe('INVITATION_EXPIRED')
})

test('a code of a newer version says so, and one with other content is malformed', () => {
  const seal = (fields: Map<number, number>): string => {
    const content = encodeCbor(fields)
    const framed = concatBytes(Uint8Array.of(0, content.length), content)
    const check = nodeSuite.hash(labels.joinCode, framed).subarray(0, 4)
    return `harp-${encodeBase32(concatBytes(framed, check))}`
  }
  expect(fault(seal(new Map([[1, 2]])))).toBe('INVITATION_VERSION')
  expect(fault(seal(new Map([[1, 1]])))).toBe('INVITATION_MALFORMED')
  expect(fault(seal(new Map()))).toBe('INVITATION_MALFORMED')
})

test('eight addresses fit, and nine do not', () => {
  const addresses = (count: number) => Array.from({ length: count }, (_, index) => `10.0.0.${index}:1`)
  const most = { ...invitation, addresses: addresses(linkLimits.addresses) }
  expect(decodeInvitation(nodeSuite, encodeInvitation(nodeSuite, most), now)).toEqual(most)
  const more = { ...invitation, addresses: addresses(linkLimits.addresses + 1) }
  expect(() => encodeInvitation(nodeSuite, more)).toThrow('limit')
})

test('base32 gives back what it was given, and refuses other characters', () => {
  for (let length = 0; length < 40; length++) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 37 + length) & 255)
    expect(decodeBase32(encodeBase32(bytes))).toEqual(bytes)
  }
  expect(decodeBase32('ab1')).toBeUndefined()
})
