import { expect, test } from 'vitest'
import type { DeviceId } from '../ids.ts'
import type { Presence } from '../presence/presence.ts'
import { HolderCheck } from './holder-check.ts'

const [anna, ben] = ['anna', 'ben']

function id(number: number): Uint8Array {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(0, number)
  return bytes
}

function ids(from: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => id(from + index))
}

class World {
  readonly questions: number[] = []
  readonly answers: (readonly [name: string, isHeld: boolean])[] = []
  readonly connected = new Set<DeviceId>([anna])
  /** What is missing at whom. */
  readonly missing = new Map<DeviceId, number>()
  readonly check = new HolderCheck({
    presence: (): Presence => ({
      members: new Map(),
      holders: async (asked) => {
        this.questions.push(asked.length)
        return new Map(
          [...this.connected].map((device) => [device, asked.map((one) => this.#holds(device, one))]),
        )
      },
    }),
    isConnected: (device) => this.connected.has(device),
  })

  async claim(name: string, from: number, count: number, ...by: DeviceId[]): Promise<void> {
    await this.check.add({
      ids: ids(from, count),
      by,
      answer: (isHeld) => void this.answers.push([name, isHeld]),
    })
  }

  #holds(device: DeviceId, one: Uint8Array): boolean {
    return new DataView(one.buffer).getUint32(0) !== this.missing.get(device)
  }
}

test('many versions share a question, and each has an answer of its own', async () => {
  const world = new World()
  world.missing.set(anna, 15)
  await world.claim('first', 0, 10, anna)
  await world.claim('second', 10, 10, anna)
  await world.claim('third', 20, 10, anna)
  await world.check.flush()
  expect(world.questions).toEqual([30])
  expect(world.answers).toEqual([
    ['first', true],
    ['second', false],
    ['third', true],
  ])
})

test('nobody is asked for one who is away', async () => {
  const world = new World()
  await world.claim('both', 0, 10, anna, ben)
  await world.check.flush()
  expect([world.questions, world.answers]).toEqual([[], [['both', false]]])
})

test('a question has 4,096 ids at most, also of one version', async () => {
  const world = new World()
  world.missing.set(anna, 30_000)
  await world.claim('small', 0, 4_000, anna)
  await world.claim('next', 4_000, 4_096, anna)
  await world.claim('large', 10_000, 10_000, anna)
  await world.claim('another', 20_000, 10_001, anna)
  await world.check.flush()
  expect(world.questions.every((count) => count <= 4_096)).toBe(true)
  expect(world.answers).toEqual([
    ['small', true],
    ['next', true],
    ['large', true],
    ['another', false],
  ])
})

test('after 64 questions nothing more counts as held', async () => {
  const world = new World()
  for (let number = 0; number < 70; number++) await world.claim(`${number}`, number * 4_096, 4_096, anna)
  await world.check.flush()
  expect(world.questions).toHaveLength(64)
  expect(world.answers.map(([, isHeld]) => isHeld)).toEqual([
    ...Array.from({ length: 64 }, () => true),
    ...Array.from({ length: 6 }, () => false),
  ])
})
