import { describe, expect, test } from 'vitest'
import { annotations, choiceOf, manualPlace, type AddressChoice } from './annotations.ts'
import { nodeList, service, type Node, type Service } from './objects.ts'
import { nodeAddress, placeOfService } from './service-place.ts'

const plain: AddressChoice = choiceOf({})

function serviceWith(spec: object, status: object = {}): Service {
  return service.parse({ metadata: { name: 'nc-app-foo' }, spec, status })
}

function place(spec: object, choice: Partial<AddressChoice> = {}, status: object = {}) {
  return placeOfService(serviceWith(spec, status), { ...plain, ...choice }, 'apps')
}

const ports = [{ port: 80, nodePort: 30_100 }]

describe('the place of a Service', () => {
  test.each([
    ['its address', { clusterIP: '10.0.0.7', ports }, {}, { host: '10.0.0.7', port: 80 }],
    ['its name', { clusterIP: 'None', ports }, {}, { host: 'nc-app-foo.apps.svc', port: 80 }],
    ['its name', { ports }, {}, { host: 'nc-app-foo.apps.svc', port: 80 }],
    ['the host asked for', { clusterIP: '10.0.0.7', ports }, { upstreamHost: 'h' }, { host: 'h', port: 80 }],
    ['the host asked for', { type: 'NodePort', ports }, { upstreamHost: 'h' }, { host: 'h', port: 30_100 }],
    ['the host asked for', { type: 'LoadBalancer', ports }, { upstreamHost: 'h' }, { host: 'h', port: 80 }],
  ])('is %s (%j)', (_what, spec, choice, expected) => {
    expect(place(spec, choice)).toEqual({ kind: 'place', place: expected })
  })

  test('needs a node for a NodePort', () => {
    expect(place({ type: 'NodePort', clusterIP: '10.0.0.7', ports })).toEqual({
      kind: 'needs-node',
      port: 30_100,
    })
  })

  test('is pending until a load balancer has an address, then its IP or name', () => {
    const spec = { type: 'LoadBalancer', ports }
    const at = (ingress: object) => place(spec, {}, { loadBalancer: { ingress: [ingress] } })

    expect(place(spec)).toEqual({ kind: 'pending' })
    expect(at({ ip: '192.0.2.9' })).toMatchObject({ place: { host: '192.0.2.9', port: 80 } })
    expect(at({ hostname: 'lb.example' })).toMatchObject({ place: { host: 'lb.example' } })
  })

  test('is none without a port', () => {
    expect(place({ type: 'NodePort', ports: [{ port: 80 }] })).toEqual({
      kind: 'none',
      problem: 'Service has no nodePort assigned.',
    })
    expect(place({ clusterIP: '10.0.0.7' })).toMatchObject({ kind: 'none' })
  })
})

describe('the address of a node', () => {
  const node = (name: string, isReady: boolean, addresses: Readonly<Record<string, string>>): Node => {
    const [parsed] = nodeList.parse({
      items: [
        {
          metadata: { name },
          status: {
            addresses: Object.entries(addresses).map(([type, address]) => ({ type, address })),
            conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
          },
        },
      ],
    }).items
    if (parsed === undefined) throw new Error('no node')
    return parsed
  }
  const ill = node('a', false, { InternalIP: '10.0.0.1', ExternalIP: '192.0.2.1' })
  const well = node('b', true, { InternalIP: '10.0.0.2', ExternalIP: '192.0.2.2' })
  const named = node('c', true, { Hostname: 'c.example' })

  test('is that of a ready node, of the kind asked for', () => {
    expect(nodeAddress([ill, well], plain)).toBe('10.0.0.2')
    expect(nodeAddress([ill, well], { ...plain, nodeAddressType: 'ExternalIP' })).toBe('192.0.2.2')
  })

  test('is of the other kind, or a name, where there is no other', () => {
    expect(nodeAddress([node('d', true, { ExternalIP: '192.0.2.4' })], plain)).toBe('192.0.2.4')
    expect(nodeAddress([named], plain)).toBe('c.example')
    expect(nodeAddress([ill], plain)).toBe('10.0.0.1')
  })

  test('is that of the node that was named, or none', () => {
    expect(nodeAddress([ill, well], { ...plain, nodeName: 'a' })).toBe('10.0.0.1')
    expect(nodeAddress([well], { ...plain, nodeName: 'a' })).toBeNull()
    expect(nodeAddress([], plain)).toBeNull()
  })
})

describe('an app exposed by hand', () => {
  const noted = {
    [annotations.exposeType]: 'manual',
    [annotations.upstreamHost]: 'h',
    [annotations.upstreamPort]: '8080',
  }

  test('is where its annotations say', () => {
    expect(manualPlace(noted)).toEqual({ host: 'h', port: 8_080 })
  })

  test.each([
    {},
    { [annotations.exposeType]: 'clusterip' },
    { [annotations.upstreamHost]: '' },
    { [annotations.upstreamPort]: '0' },
    { [annotations.upstreamPort]: '70000' },
    { [annotations.upstreamPort]: '80 ' },
  ])('is nowhere with %j', (change) => {
    const changed = Object.keys(change).length === 0 ? {} : { ...noted, ...change }

    expect(manualPlace(changed)).toBeNull()
  })
})
