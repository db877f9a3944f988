/** Contract 9.5, rows 88-97: the Docker engine's own API, with a stand-in engine behind a tunnel. */
import assert from 'node:assert/strict'
import type { HeaderLine } from '../../support/http1-wire.ts'
import { deadlineIn } from '../../support/deadline.ts'
import { expectStatus, expectStockPage } from '../outcomes.ts'
import type { Row } from '../row.ts'
import type { Scene } from '../scene.ts'
import { type EngineAnswer, type EngineRequest, StandInEngine } from '../stand-in-engine.ts'
import { connectFrpc, newTunnelPort } from './tunnels.ts'

const control = '/exapps/app_api'
/** What AppAPI's Docker client always sends. */
const appApiLines = (scene: Scene, port: number): HeaderLine[] => [
  scene.keyed,
  ['docker-engine-port', String(port)],
  ['Authorization', `Basic ${btoa(`app_api_haproxy_user:${scene.settings.key}`)}`],
]

interface Stage {
  readonly headers: readonly HeaderLine[]
  readonly requests: readonly EngineRequest[]
}

async function withEngine(
  scene: Scene,
  answer: EngineAnswer,
  run: (stage: Stage) => Promise<void>,
): Promise<void> {
  await using engine = await StandInEngine.start(answer)
  const port = newTunnelPort('engine')
  const proxy = { name: scene.newAppId(), remotePort: port, target: { port: engine.port } }
  await using _frpc = await connectFrpc(scene, [proxy])
  await run({ headers: appApiLines(scene, port), requests: engine.requests })
}

const ok: EngineAnswer = (_request, response) => response.end('OK')

function pingRow(row: number, method: string, path: string, title: string): Row {
  return {
    row,
    title,
    profile: 'default',
    needsTunnels: true,
    run: (scene) =>
      withEngine(scene, ok, async ({ headers, requests }) => {
        const outcome = await scene.newClient().send({ method, target: `${control}${path}`, headers })

        assert.equal(expectStatus(outcome, 200).body.toString(), method === 'HEAD' ? '' : 'OK')
        const [seen] = requests
        assert.deepEqual([seen?.method, seen?.target], [method, path])
        assert.equal(seen?.headers['harp-shared-key'], undefined, 'the key stays here')
        assert.equal(seen?.headers['docker-engine-port'], undefined)
        assert.equal(seen?.headers.authorization, undefined, 'the key stays here')
      }),
  }
}

export const engineRows: readonly Row[] = [
  pingRow(88, 'GET', '/v1.44/_ping', 'the engine answers a ping, and gets no secret'),
  pingRow(89, 'HEAD', '/v1.44/_ping', 'HEAD of a ping'),
  pingRow(90, 'GET', '/_ping', 'a ping without a version'),
  pingRow(91, 'GET', '/v1.44/images/ghcr.io/a/b:c/json', 'an image with slashes in its name'),
  {
    row: 92,
    title: 'a container and its logs, query and bytes unchanged',
    profile: 'default',
    needsTunnels: true,
    run: (scene) =>
      withEngine(scene, answerLogs, async ({ headers, requests }) => {
        const base = '/v1.44/containers/nc_app_foo'
        const paths = [`${base}/json`, `${base}/logs?stdout=true&stderr=true&tail=all`]
        for (const path of paths) {
          const { body } = expectStatus(await scene.newClient().get(`${control}${path}`, headers), 200)
          assert.deepEqual(body, framedLog)
        }
        assert.deepEqual(
          requests.map(({ target }) => target),
          paths,
        )
      }),
  },
  {
    row: 94,
    title: 'a pull arrives line by line',
    profile: 'default',
    needsTunnels: true,
    async run(scene) {
      const { promise: asked, resolve: finish } = Promise.withResolvers<void>()
      const answer: EngineAnswer = (_request, response) => {
        response.write('{"status":"Pulling"}\n')
        void asked.then(() => response.end('{"status":"Done"}\n'))
      }
      await withEngine(scene, answer, async ({ headers, requests }) => {
        const target = `${control}/v1.44/images/create?fromImage=ghcr.io/a/b:c`
        const client = scene.newClient()
        await using connection = await client.open()
        const body = { headers: [...headers, ['Content-Length', '0'] as const] }
        await connection.sendRequest(client.prepare({ method: 'POST', target, ...body }))

        const head = await connection.readHead('POST')
        assert.equal(head?.status, 200)
        await connection.reader.takeUntil('Pulling"}\n', 1_000, deadlineIn(5_000, 'the first line'))
        finish()
        await connection.reader.takeUntil('Done"}\n', 1_000, deadlineIn(5_000, 'the last line'))
        assert.equal(requests[0]?.target, '/v1.44/images/create?fromImage=ghcr.io/a/b:c')
      })
    },
  },
  {
    row: 97,
    title: 'nothing listens on the engine port: 503',
    profile: 'default',
    async run(scene) {
      const headers = appApiLines(scene, 24_099)

      expectStockPage(
        await scene.newClient().get(`${control}/v1.44/_ping`, headers),
        503,
        'Service Unavailable',
      )
    },
  },
]

/** Docker's framing: stream, three zeros, length, payload. */
const framedLog = Buffer.concat([
  Buffer.from([1, 0, 0, 0, 0, 0, 0, 6]),
  Buffer.from('hello\n'),
  Buffer.from([2, 0, 0, 0, 0, 0, 0, 3, 0xff, 0x00, 0x0a]),
])

const answerLogs: EngineAnswer = (_request, response) => {
  response.setHeader('content-type', 'application/vnd.docker.raw-stream')
  response.end(framedLog)
}
