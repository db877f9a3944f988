/** What the gateway says of its tunnels on its control socket. */
import { request } from 'node:http'
import { join } from 'node:path'
import type { TunnelOverview } from '../../src/gateway/tunnels/tunnel-status.ts'
import type { TunnelStage } from './tunnel-stage.ts'

export async function overview(stage: TunnelStage): Promise<TunnelOverview> {
  const { promise, resolve, reject } = Promise.withResolvers<TunnelOverview>()
  request(
    { socketPath: join(stage.place.stateDir, 'harp.sock'), path: '/tunnels', agent: false },
    (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.once('end', () => resolve(JSON.parse(text) as TunnelOverview)).once('error', reject)
    },
  )
    .on('error', reject)
    .end()
  return promise
}

/** Work connections that carry something, over all tunnels. */
export async function activeWork(stage: TunnelStage): Promise<number> {
  const { tunnels } = await overview(stage)
  return tunnels.reduce((sum, { connections }) => sum + connections.active, 0)
}
