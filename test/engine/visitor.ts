/** Someone at the public side of the gateway. */
import { WebSocket } from 'ws'
import { deadlineIn, within } from '../support/deadline.ts'

export interface Page {
  readonly status: number
  readonly text: string
}

export async function visit(gatewayUrl: string, path: string): Promise<Page> {
  const answer = await fetch(`${gatewayUrl}${path}`, { signal: AbortSignal.timeout(15_000) })
  return { status: answer.status, text: await answer.text() }
}

/** Says something in the sample app's chat; gives what came back of it. */
export async function chat(gatewayUrl: string, app: string, text: string): Promise<string> {
  const socket = new WebSocket(`${gatewayUrl.replace('http', 'ws')}/exapps/${app}/chat/public`)
  const heard = new Promise<string>((resolve, reject) => {
    socket.once('open', () => socket.send(text))
    socket.once('error', reject)
    socket.on('message', (data: Buffer) => {
      const event = JSON.parse(data.toString()) as { readonly kind: string; readonly text?: string }
      if (event.kind === 'said') resolve(event.text ?? '')
    })
  })
  try {
    return await within(heard, deadlineIn(15_000, 'an answer on the WebSocket'))
  } finally {
    socket.terminate()
  }
}
