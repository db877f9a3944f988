import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex } from '../ids.ts'
import { discoveryLimits as limits, mdnsService } from './discovery-limits.ts'
import {
  asksFor,
  goodbyeAnswers,
  parseServices,
  serviceAnswers,
  type Service,
  type ServicePacket,
} from './service-records.ts'

const tags = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => new Uint8Array(8).fill(index))
const service: Service = { instance: 'abc0', port: 22_783, tags: tags(4), addresses: ['192.0.2.1'] }

const heard = (records: ServicePacket['records']): ServicePacket => ({ questions: [], records })

test('these records are the format', () => {
  expect(serviceAnswers(service, 120)).toEqual([
    { type: 'PTR', name: '_harp._tcp.local', ttl: 120, data: 'abc0._harp._tcp.local' },
    {
      type: 'SRV',
      name: 'abc0._harp._tcp.local',
      ttl: 120,
      flush: true,
      data: { port: 22_783, target: 'abc0.local' },
    },
    {
      type: 'TXT',
      name: 'abc0._harp._tcp.local',
      ttl: 120,
      flush: true,
      data: ['v=1', 't0=AAAAAAAAAAABAQEBAQEBAQICAgICAgICAwMDAwMDAwM'],
    },
    { type: 'A', name: 'abc0.local', ttl: 120, flush: true, data: '192.0.2.1' },
  ])
})

test.each([1, 4, 23, 24, limits.tagsOfService])('%i tags come back, in strings that fit', (count) => {
  const answers = serviceAnswers({ ...service, tags: tags(count) }, 120)
  const strings = answers.flatMap((answer) => (answer.type === 'TXT' ? answer.data : []))
  // As a library gives them: bytes.
  const bytes = answers.map((answer) =>
    answer.type === 'TXT' ? { ...answer, data: answer.data.map((each) => Buffer.from(each)) } : answer,
  )

  expect(strings.length).toBe(1 + Math.ceil(count / 23))
  expect(strings.every((each) => each.length <= 255)).toBe(true)
  expect(parseServices(heard(bytes))).toEqual([{ ...service, tags: tags(count) }])
})

test('of more tags than a service has, the first are taken', () => {
  const [found] = parseServices(
    heard(serviceAnswers({ ...service, tags: tags(limits.tagsOfService + 1) }, 120)),
  )

  expect(found?.tags.map(toHex)).toEqual(tags(limits.tagsOfService).map(toHex))
})

test('at most 16 services of a message, and 4 addresses of each', () => {
  const many = Array.from({ length: 20 }, (_, index) =>
    serviceAnswers({ ...service, instance: `s${index}`, addresses: [] }, 120),
  ).flat()
  const addresses = Array.from({ length: 5 }, (_, index) => `192.0.2.${index}`)

  expect(parseServices(heard(many)).length).toBe(16)
  expect(parseServices(heard(serviceAnswers({ ...service, addresses }, 120)))[0]?.addresses).toEqual(
    addresses.slice(0, 4),
  )
})

test('a goodbye, another service, no port, no tags, another version: nothing', () => {
  const answers = serviceAnswers(service, 120)
  const renamed = (from: string, to: string): unknown =>
    JSON.parse(JSON.stringify(answers).replaceAll(from, to))

  const none = [
    goodbyeAnswers(service),
    serviceAnswers(service, 0),
    renamed('_harp', '_ipp'),
    renamed('22783', '0'),
    renamed('22783', '65536'),
    renamed('v=1', 'v=2'),
    serviceAnswers({ ...service, tags: [] }, 120),
    answers.filter(({ type }) => type !== 'SRV'),
    answers.filter(({ type }) => type !== 'TXT'),
  ]
  for (const records of none) expect(parseServices(heard(records as ServicePacket['records']))).toEqual([])
})

test('records of any shape are taken or left', () => {
  const name = fc.oneof(fc.constantFrom(mdnsService, `a.${mdnsService}`, 'a.local'), fc.anything())
  const record = fc.record(
    {
      name,
      type: fc.oneof(fc.constantFrom('SRV', 'TXT', 'PTR', 'A'), fc.anything()),
      ttl: fc.anything(),
      data: fc.oneof(
        fc.anything(),
        fc.record({ port: fc.anything(), target: fc.anything() }),
        fc.array(fc.oneof(fc.string(), fc.uint8Array(), fc.constantFrom('v=1', 't0=AAAAAAAAAAA'))),
      ),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.array(record), (records) => {
      expect(() => parseServices(heard(records))).not.toThrow()
      expect(() => asksFor({ questions: records, records: [] }, 'a')).not.toThrow()
    }),
    { numRuns: 200 },
  )
})

test('questions for the service or for this very instance are ours, and no others', () => {
  const asked = (name: unknown, type: unknown): boolean =>
    asksFor({ questions: [{ name, type }], records: [] }, 'abc0')

  expect([asked('_HARP._tcp.local', 'PTR'), asked('abc0._harp._tcp.local', 'ANY')]).toEqual([true, true])
  for (const [name, type] of [
    ['_ipp._tcp.local', 'PTR'],
    ['_harp._tcp.local', 'A'],
    ['other0._harp._tcp.local', 'SRV'],
    ['_services._dns-sd._udp.local', 'PTR'],
    [7, 'PTR'],
  ]) {
    expect(asked(name, type)).toBe(false)
  }
})
