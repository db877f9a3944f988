import type { LookupAddress } from 'node:dns'
import { expect, test } from 'vitest'
import { ServerAddress } from './server-address.ts'

const first: LookupAddress[] = [{ address: '192.0.2.1', family: 4 }]
const second: LookupAddress[] = [{ address: '192.0.2.2', family: 4 }]

function ask(addresses: ServerAddress): Promise<unknown> {
  return new Promise((resolve, reject) => {
    addresses.lookup('gateway.example', { all: true }, (error, answer) => {
      if (error === null) resolve(answer)
      else reject(error)
    })
  })
}

test('each attempt asks for the addresses anew', async () => {
  const answers = [first, second]
  const addresses = new ServerAddress(async () => answers.shift() ?? [])

  expect(await ask(addresses)).toBe(first)
  expect(await ask(addresses)).toBe(second)
})

test('a name that was never found is an error', async () => {
  const addresses = new ServerAddress(async () => Promise.reject(new Error('ENOTFOUND')))

  await expect(ask(addresses)).rejects.toThrow('ENOTFOUND')
})

test('while the resolver fails the last addresses are used', async () => {
  let isBroken = false
  const addresses = new ServerAddress(async () => {
    if (isBroken) throw new Error('EAI_AGAIN')
    return first
  })
  await ask(addresses)
  isBroken = true

  expect(await ask(addresses)).toBe(first)
})

test('a resolver that hangs is asked once, and does not hold up an attempt', async () => {
  const slow = Promise.withResolvers<LookupAddress[]>()
  let asked = 0
  const addresses = new ServerAddress(async () => {
    asked += 1
    return asked === 1 ? first : slow.promise
  })
  await ask(addresses)

  expect(await ask(addresses)).toBe(first)
  expect(await ask(addresses)).toBe(first)
  expect(asked).toBe(2)
  slow.resolve(second)
  expect(await ask(addresses)).toBe(second)
})
