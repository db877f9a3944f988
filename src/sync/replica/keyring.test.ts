import { expect, test } from 'vitest'
import { fakeSuite } from '../../../test/sync/support/fake-suite.ts'
import { countingRandom } from '../../../test/sync/support/log-peer.ts'
import { epochIdOf, sealPreviousKeys } from '../crypto/epoch-keys.ts'
import { createDeviceKeys } from '../crypto/identity.ts'
import { Keyring } from './keyring.ts'

const random = countingRandom(1)
const folderId = 'ab'.repeat(32)

test.each(['before', 'after'])(
  'a row of 20,000 rekeys opens with the last key, which comes %s them',
  (when) => {
    const keyring = new Keyring(fakeSuite, createDeviceKeys(fakeSuite, random))
    const keys = Array.from({ length: 20_000 }, () => random(32))
    const last = keys.at(-1)!
    const epochs = keys.map((key) => epochIdOf(fakeSuite, key))
    if (when === 'before') keyring.learn(epochs.at(-1)!, last)
    for (const [index, key] of keys.entries()) {
      const sealed = sealPreviousKeys(fakeSuite, folderId, key, keys.slice(Math.max(0, index - 1), index))
      keyring.learnRekey({ epoch: epochs[index]!, wraps: [], ...sealed }, folderId)
    }
    if (when === 'after') keyring.learn(epochs.at(-1)!, last)
    expect(keyring.size).toBe(keys.length)
    expect(keyring.key(epochs[0]!)).toEqual(keys[0])
    expect([...keyring.leadsTo(epochs[1]!)]).toEqual([epochs[0]])
  },
)
