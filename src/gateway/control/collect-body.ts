import type { FrontStream } from '../proxy/front-stream.ts'
import { BodyTooLarge } from './control-api.ts'

/**
 * Reads a whole request body into memory up to `maxBytes`; rejects with BodyTooLarge or when the client goes away.
 * `onGone`: the client went away, then or later.
 */
export function collectBody(front: FrontStream, maxBytes: number, onGone: () => void): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const chunks: Buffer[] = []
  let size = 0
  front.setListener({
    onClientDrain() {},
    onClientGone: () => {
      onGone()
      reject(new Error('the client went away before its request was complete'))
    },
    onBodyTimeout: () => reject(new Error('the request body stopped arriving')),
  })
  front.sendContinue()
  front.receiveBody(
    {
      onRequestBody(bytes) {
        size += bytes.length
        if (size > maxBytes) {
          front.pauseBody()
          reject(new BodyTooLarge())
        } else {
          chunks.push(Buffer.from(bytes))
        }
      },
      onRequestEnd: () => resolve(Buffer.concat(chunks)),
    },
    'data',
  )
  return promise
}
