import { createCipheriv } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { AeadOpener, AeadSealer } from './aead-stream.ts'

const key = Buffer.alloc(32, 7)
const nonce = Buffer.from('00000000fffffffffffffffe', 'hex')

test('bytes survive, however they are cut; the nonce carries over its bytes', () => {
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { minLength: 4, maxLength: 8 })
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 200 }), (plain, size) => {
      const sealer = new AeadSealer(key, () => nonce)
      const sealed = Buffer.concat(plain.map((piece) => sealer.seal(Buffer.from(piece))))
      const opener = new AeadOpener(key)
      const opened: Buffer[] = []
      for (let at = 0; at < sealed.length; at += size) {
        opened.push(opener.open(sealed.subarray(at, at + size)))
      }
      expect(Buffer.concat(opened)).toEqual(Buffer.concat(plain))
    }),
  )
})

test('the nonce is one number, and the first one is authenticated with each record', () => {
  const sealer = new AeadSealer(key, () => nonce)
  sealer.seal(Buffer.from('one'))
  sealer.seal(Buffer.from('two'))
  const cipher = createCipheriv('aes-256-gcm', key, Buffer.from('000000010000000000000000', 'hex'))
  cipher.setAAD(Buffer.concat([nonce, Buffer.of(0, 0, 0, 21)]))
  const third = [cipher.update('three'), cipher.final(), cipher.getAuthTag()]

  expect(sealer.seal(Buffer.from('three'))).toEqual(Buffer.concat([Buffer.of(0, 0, 0, 21), ...third]))
})

test('more than 64 KiB goes out in several records', () => {
  const plain = Buffer.alloc(150_000, 'x')
  const sealed = new AeadSealer(key, () => nonce).seal(plain)

  expect(sealed).toHaveLength(12 + 150_000 + 3 * 20)
  expect(new AeadOpener(key).open(sealed)).toEqual(plain)
})

test('a changed bit anywhere behind the nonce is found', () => {
  const sealed = new AeadSealer(key, () => nonce).seal(Buffer.from('message'))
  for (let at = 0; at < sealed.length; at += 1) {
    // A longer length waits for bytes that do not come; nothing is given out then.
    const changed = Buffer.from(sealed)
    changed[at] = changed[at]! ^ 1
    const opener = new AeadOpener(key)
    expect(() => {
      if (opener.open(changed).length === 0) opener.open(Buffer.alloc(70_000))
    }, `byte ${at}`).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^FRP_(RECORD|MESSAGE)_/) }),
    )
  }
})

test('a record that was left out, sent twice, or sealed with another key is found', () => {
  const sealer = new AeadSealer(key, () => nonce)
  const first = sealer.seal(Buffer.from('one'))
  const second = sealer.seal(Buffer.from('two'))
  const forged = expect.objectContaining({ code: 'FRP_RECORD_FORGED' })

  expect(() => new AeadOpener(key).open(Buffer.concat([nonce, second]))).toThrow(forged)
  expect(() => new AeadOpener(key).open(Buffer.concat([first, first.subarray(12)]))).toThrow(forged)
  expect(() => new AeadOpener(Buffer.alloc(32, 8)).open(first)).toThrow(forged)
})

test.each([
  [0, 'FRP_RECORD_FORGED'],
  [15, 'FRP_RECORD_FORGED'],
  [65_536 + 17, 'FRP_MESSAGE_TOO_LARGE'],
  [0xffffffff, 'FRP_MESSAGE_TOO_LARGE'],
])('a record that says it has %d bytes is refused before they come', (length, code) => {
  const header = Buffer.alloc(4)
  header.writeUInt32BE(length)

  expect(() => new AeadOpener(key).open(Buffer.concat([nonce, header]))).toThrow(
    expect.objectContaining({ code }),
  )
})
