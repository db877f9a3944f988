import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { CfbOpener, CfbSealer, controlKey } from './control-cipher.ts'

const iv = createHash('md5').update('iv').digest()

test('the key of the empty token is the one of every installation', () => {
  expect(controlKey('').toString('hex')).toBe('cdc9dc4c472c37331281df4c232a8407')
})

test('the key belongs to its token, also after another one was used', () => {
  const first = controlKey('first')

  expect(controlKey('second')).not.toEqual(first)
  expect(controlKey('first')).toEqual(first)
})

test('the IV leaves once, with the first bytes', () => {
  const sealer = new CfbSealer('t', () => iv)

  expect(sealer.seal(Buffer.from('abc')).subarray(0, 16)).toEqual(iv)
  expect(sealer.seal('de')).toHaveLength(2)
})

test('one continuous stream: cuts on neither side matter', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 })
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 50 }), (plain, size) => {
      const sealer = new CfbSealer('t', () => iv)
      const sealed = Buffer.concat(plain.map((piece) => sealer.seal(Buffer.from(piece))))
      const opener = new CfbOpener('t')
      const opened: Buffer[] = []
      for (let at = 0; at < sealed.length; at += size) {
        opened.push(opener.open(sealed.subarray(at, at + size)))
      }
      expect(Buffer.concat(opened)).toEqual(Buffer.concat(plain))
    }),
  )
})
