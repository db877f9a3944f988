/**
 * One at a time: a scan, a plan being carried out, or content being put in place. Each of them believes what it has
 * just looked at, so none may work while another changes the disk or the items. Held for the length of a batch.
 */
export class DiskLock {
  #last: Promise<unknown> = Promise.resolve()
  #holders = 0

  get isFree(): boolean {
    return this.#holders === 0
  }

  async run<T>(act: () => Promise<T> | T): Promise<T> {
    this.#holders++
    const before = this.#last
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.#last = promise
    try {
      await before
      return await act()
    } finally {
      this.#holders--
      resolve(undefined)
    }
  }
}
