/** What can be measured, on whatever is under test. */

/** What a rate counts. */
export type Unit = 'request' | 'MiB' | 'echo' | 'handshake'

interface Named {
  readonly name: string
  readonly title: string
  readonly path: string
}

export type Workload = Named &
  (
    | {
        readonly kind: 'http'
        readonly unit: 'request'
        readonly connections: number
        readonly fields: readonly string[]
      }
    | {
        readonly kind: 'download' | 'upload'
        readonly unit: 'MiB'
        /** Transfers at the same time, how many one after the other, and the size of one. */
        readonly slots: number
        readonly transfers: number
        readonly transferMiB: number
      }
    | {
        readonly kind: 'echo' | 'establish'
        readonly unit: 'echo' | 'handshake'
        readonly connections: number
      }
  )

export const bodyBytes = 1024
export const echoBytes = 64
