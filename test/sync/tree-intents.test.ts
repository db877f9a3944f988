import fc from 'fast-check'
import { expect, it } from 'vitest'
import * as intents from '../../src/sync/tree/intents.ts'
import { content, type Devices, type TestDevice } from './support/tree-devices.ts'
import { userHistory } from './support/tree-histories.ts'

// HARP_TREE_RUNS=20000 for a long run.
const numRuns = Number(process.env['HARP_TREE_RUNS'] ?? 60)

/** After any history: some device, something it shows, and a number for more choices. */
function whenSomebody(
  act: (world: { device: TestDevice; path: string[]; devices: Devices; more: number }) => void,
) {
  return fc.property(userHistory(40), fc.nat(), fc.nat(), (devices, a, b) => {
    const device = devices.device(b)
    device.hear(devices.device(a))
    const paths = [...device.view.walk()].map((item) => item.path)
    fc.pre(paths.length > 0)
    act({ devices, device, path: paths[a % paths.length]!, more: b })
  })
}

it('what was moved is at its new path, all of it', () => {
  const property = whenSomebody(({ device, path, more }) => {
    const before = device.view.at(path)!
    const directories = [...device.view.walk()].filter(({ shown }) => shown.kind === 'directory')
    const to = [...(directories[more % (directories.length + 1)]?.path ?? []), 'new']
    const moved = intents.move(device.view, path, to)
    fc.pre(moved !== 'into-itself')
    device.do(moved)
    expect(device.view.at(to)).toMatchObject({ kind: before.kind, nodes: before.nodes })
  })
  fc.assert(property, { numRuns })
})

it('what was deleted is not shown, and what was restored is where it was', () => {
  const property = whenSomebody(({ device, path }) => {
    const before = device.view.at(path)!
    device.do(intents.trash(device.view, path))
    for (const id of before.nodes) expect(device.view.shows(id)).toBe(false)
    for (const id of before.nodes) device.do(intents.restore(device.view, id))
    expect(device.view.at(path)).toMatchObject({ name: before.name, kind: before.kind, nodes: before.nodes })
  })
  fc.assert(property, { numRuns })
})

it('everything in the trash can be taken out of it', () => {
  const property = whenSomebody(({ device, path }) => {
    device.do(intents.trash(device.view, path))
    let left = device.view.trashed()
    for (let rounds = 0; left.length > 0; rounds++) {
      expect(rounds).toBeLessThan(100)
      device.do(intents.restore(device.view, left[0]!.node))
      expect(device.view.shows(left[0]!.node)).toBe(true)
      left = device.view.trashed()
    }
    for (const node of device.tree.tree.nodes()) expect(device.view.shows(node.id)).toBe(true)
  })
  fc.assert(property, { numRuns })
})

it('what was saved is what is shown, and nothing beside it', () => {
  const property = whenSomebody(({ devices, device, path }) => {
    fc.pre(device.view.at(path)!.kind !== 'directory')
    const [version] = device.do(intents.putFile(device.view, path, content(9), devices.random))
    expect(device.view.at(path)).toMatchObject({
      current: { entry: { hash: version!.hash } },
      concurrent: [],
    })
  })
  fc.assert(property, { numRuns })
})

it('what is made where nothing is shown is shown there', () => {
  const property = whenSomebody(({ devices, device, path }) => {
    device.do(intents.trash(device.view, path))
    fc.pre(device.view.at(path) === undefined && device.view.at(path.slice(0, -1))?.kind === 'directory')
    device.do(intents.makeDirectory(device.view, path, devices.random))
    expect(device.view.at(path)).toMatchObject({ kind: 'directory' })
    expect(device.view.list(device.view.at(path)!.nodes)).toEqual([])
    device.do(intents.trash(device.view, path))
    device.do(intents.putFile(device.view, path, content(8), devices.random))
    expect(device.view.at(path)).toMatchObject({ kind: 'file', concurrent: [] })
  })
  fc.assert(property, { numRuns })
})
