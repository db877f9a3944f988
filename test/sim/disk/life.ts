/** What every call of a process that was killed throws. */
export class Killed extends Error {
  override readonly name = 'Killed'
}

/** One run of a process. When it is dead, nothing that belongs to it has any effect. */
export class Life {
  isDead = false
  /** To its disk, so far. */
  calls = 0
  /** Before each call that it makes to its disk. Throws `Killed` to end it there. */
  onCall: ((call: string, path: string) => void) | undefined

  check(): void {
    if (this.isDead) throw new Killed('the process was killed')
  }
}

/** A store, as long as the process lives. */
export function mortal<T extends object>(life: Life, target: T, onCommit: () => void): T {
  const known = new Map<PropertyKey, unknown>()
  return new Proxy(target, {
    get(_, name) {
      life.check()
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      let wrapped = known.get(name)
      if (wrapped === undefined) {
        wrapped = (...args: unknown[]): unknown => {
          life.check()
          const result: unknown = Reflect.apply(value, target, args)
          if (name === 'commit') onCommit()
          return result
        }
        known.set(name, wrapped)
      }
      return wrapped
    },
  })
}
