import fc from 'fast-check'
import { expect } from 'vitest'
import { itemStates, rootItem, stashItem } from '../../../src/sync/items/item.ts'
import type { Item, ItemStore, NewItem } from '../../../src/sync/items/item.ts'
import type { ItemModel } from './item-model.ts'

const node = (number: number): string => number.toString(16).padStart(32, '0')
const version = (number: number): string => number.toString(16).padStart(64, '0')
const small = fc.nat({ max: 7 })
const names = fc.constantFrom('a', 'b', 'B', 'ä', 'a b', '😀', '\uFB01')
const times = fc.double({ min: 0, max: 4e12, noNaN: true })
const print = fc.record({
  size: fc.nat({ max: 2 ** 50 }),
  mtimeMs: times,
  ctimeMs: times,
  birthtimeMs: times,
  ino: fc.oneof(small, fc.constant(2 ** 60)),
  exec: fc.boolean(),
})
const item = fc.record({
  parent: small,
  name: names,
  logName: names,
  kind: fc.constantFrom('directory', 'directory', 'file', 'symlink'),
  nodes: fc.uniqueArray(small.map(node), { minLength: 1, maxLength: 3 }),
  version: fc.option(small.map(version), { nil: undefined }),
  print,
  state: fc.constantFrom(...itemStates),
})
export const operation = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('add' as const), item) },
  {
    weight: 6,
    arbitrary: fc.tuple(
      fc.constant('update' as const),
      small,
      fc.record(
        {
          parent: small,
          name: names,
          logName: names,
          nodes: fc.uniqueArray(small.map(node), { minLength: 1, maxLength: 3 }),
          version: small.map(version),
          print,
          state: fc.constantFrom(...itemStates),
        },
        { requiredKeys: [] },
      ),
    ),
  },
  { weight: 2, arbitrary: fc.tuple(fc.constant('remove' as const), small) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('intent' as const), small, item) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('clear' as const), small) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('fact' as const), names, fc.option(names)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('commit' as const)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('crash' as const)) },
)

type Operation = typeof operation extends fc.Arbitrary<infer Step> ? Step : never

/** Small numbers stand for what is there: the folder, the stash, then items in their order. */
const pick = (model: ItemModel, number: number): number =>
  [rootItem, stashItem, ...model.items.keys()][number] ?? 99

/** Does one step to both, and expects of the store what the model says of it. */
export function run(model: ItemModel, store: ItemStore, [what, ...rest]: Operation) {
  if (what === 'add') {
    const [drawn] = rest as [NewItem]
    const added = { ...drawn, parent: pick(model, drawn.parent), nodes: drawn.nodes.toSorted() }
    if (!model.canStand(added)) {
      expect(() => store.add(added)).toThrow(RangeError)
      return
    }
    const { id } = store.add(added)
    expect(model.items.has(id)).toBe(false)
    model.items.set(id, { ...added, id })
  } else if (what === 'update') {
    const [number, drawn] = rest as [number, Partial<NewItem>]
    const id = pick(model, number)
    const before = model.items.get(id)
    const change = drawn.parent === undefined ? drawn : { ...drawn, parent: pick(model, drawn.parent) }
    const isRootMoved = id === rootItem && ((change.parent ?? 0) !== 0 || (change.name ?? '') !== '')
    const after = { ...before!, ...change, nodes: (change.nodes ?? before?.nodes ?? []).toSorted() }
    if (before === undefined || isRootMoved || (id !== rootItem && !model.canStand(after, id))) {
      expect(() => store.update(id, change)).toThrow(RangeError)
    } else {
      store.update(id, change)
      model.items.set(id, after)
    }
  } else if (what === 'remove') {
    const id = pick(model, (rest as [number])[0])
    if (id === rootItem || id === stashItem) expect(() => store.remove(id)).toThrow(RangeError)
    else expect(store.remove(id)).toBe(model.remove(id))
  } else if (what === 'intent') {
    const [number, drawn] = rest as [number, NewItem]
    const { parent, name, logName, nodes } = drawn
    const kind = drawn.kind === 'symlink' ? 'symlink' : 'file'
    const temporaryName = `tmp-${number}`
    const intent = { parent, name, logName, nodes, kind, version: version(number), temporaryName } as const
    store.addIntents([intent])
    model.intents.set(temporaryName, intent)
  } else if (what === 'clear') {
    const name = `tmp-${(rest as [number])[0]}`
    store.clearIntents([name, 'none'])
    model.intents.delete(name)
  } else if (what === 'fact') {
    const [name, value] = rest as [string, string | null]
    store.setFact(name, value ?? undefined)
    if (value === null) model.facts.delete(name)
    else model.facts.set(name, value)
  } else if (what === 'commit') {
    store.commit()
    model.commit()
  }
}

const byId = (items: readonly Item[]): Item[] => items.toSorted((left, right) => left.id - right.id)

export function compare(model: ItemModel, store: ItemStore): void {
  for (const [id, expected] of model.items) {
    expect(store.get(id)).toEqual(expected)
    expect(store.path(id)).toEqual(model.path(id))
    const inside = model.where(({ parent }) => parent === id)
    expect(byId(store.children(id))).toEqual(byId(inside))
    expect(store.hasChildren(id)).toBe(inside.length > 0)
    expect(store.countBelow(id)).toBe(model.below(id).length)
    if (expected.parent !== stashItem) expect(store.child(expected.parent, expected.name)).toEqual(expected)
    expect(byId(store.ofInode(expected.print.ino))).toEqual(
      expected.print.ino === 0 ? [] : byId(model.where(({ print: { ino } }) => ino === expected.print.ino)),
    )
  }
  for (let number = 0; number < 8; number++) {
    expect(byId(store.ofNode(node(number)))).toEqual(
      byId(model.where(({ nodes }) => nodes.includes(node(number)))),
    )
  }
  for (const state of itemStates) {
    expect(byId(store.inState(state, 1_000))).toEqual(byId(model.where((one) => one.state === state)))
  }
  expect(store.totals()).toEqual(model.totals())
  expect(store.intents()).toEqual(
    [...model.intents.values()].toSorted((left, right) =>
      left.temporaryName < right.temporaryName ? -1 : 1,
    ),
  )
  for (const name of ['a', 'b', 'ä']) expect(store.fact(name)).toBe(model.facts.get(name))
}
