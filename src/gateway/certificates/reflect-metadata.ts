/**
 * The three functions of the Reflect metadata proposal that the injector inside @peculiar/x509 asks for: it refuses to
 * load without them. Import this before that library. What a full polyfill has defined already stays.
 */
type Target = object

const stores = new WeakMap<Target, Map<unknown, unknown>>()

function getOwnMetadata(key: unknown, target: Target): unknown {
  return stores.get(target)?.get(key)
}

function getMetadata(key: unknown, target: Target): unknown {
  for (let each: unknown = target; isTarget(each); each = Object.getPrototypeOf(each)) {
    if (stores.get(each)?.has(key) === true) return getOwnMetadata(key, each)
  }
  return undefined
}

function defineMetadata(key: unknown, value: unknown, target: Target): void {
  const store = stores.get(target) ?? new Map<unknown, unknown>()
  stores.set(target, store.set(key, value))
}

function isTarget(value: unknown): value is Target {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

for (const [name, value] of Object.entries({ getOwnMetadata, getMetadata, defineMetadata })) {
  if (!Object.hasOwn(Reflect, name)) {
    Object.defineProperty(Reflect, name, { value, configurable: true, writable: true })
  }
}
