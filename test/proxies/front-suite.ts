/**
 * The checks that every documented reverse proxy has to pass. Each proxy's test file names its program and how to
 * start it with its snippet.
 */
import { afterAll, describe, expect } from 'vitest'
import type { FakeExApp } from '../support/fake-exapp.ts'
import { headerValue } from '../support/http1-wire.ts'
import type { Endpoint } from '../support/raw-http.ts'
import { isCommandInstalled, realPart, type RealPartTest } from '../support/real-parts.ts'
import { Backstage, banCount, clientOf, freshClient } from './backstage.ts'
import {
  chunkedUpload,
  largeDownload,
  largeUpload,
  request,
  streamedPieces,
  streams,
  uploadInTwoPieces,
  webSocketEcho,
} from './front-checks.ts'
import type { Front } from './fronts.ts'

const sizeBytes = 64 * 1024 * 1024

export interface FrontUnderTest {
  /** The program on the PATH. */
  readonly program: string
  readonly start: (gatewayPort: number) => Promise<Front>
  /** What a client sees whose request the gateway drops. */
  readonly statusOfDrop: number
  /** More checks behind the same proxy. */
  readonly more?: (test: RealPartTest, stage: () => Promise<Stage>) => void
}

export interface Stage {
  readonly backstage: Backstage
  readonly front: Front
  readonly app: FakeExApp
  /** The proxy as met by a client that nobody else is. */
  readonly endpoint: Endpoint
}

export function describeFront({ program, start, statusOfDrop, more }: FrontUnderTest): void {
  describe(`${program} with the documented snippet`, () => {
    const test = realPart(program, () => isCommandInstalled(program))
    let starting: Promise<Omit<Stage, 'endpoint'>> | undefined
    const stage = async (): Promise<Stage> => {
      starting ??= startStage(start)
      const { backstage, front, app } = await starting
      return { backstage, front, app, endpoint: clientOf(front) }
    }
    afterAll(async () => {
      const started = await starting
      await started?.front.stop()
      await started?.backstage.stop()
    })

    test('a request reaches the app with its path, escapes, query and host name unchanged', async () => {
      const { app, endpoint } = await stage()
      const path = '/public/a%2Fb%20c%25d%3Fe%c3%a9+~;x=1//y?q=%2F%3f&r=a+b%20c&empty=&q=2'

      const response = await request(endpoint, {
        target: `/exapps/foo${path}`,
        headers: [['Host', 'cloud.example.com']],
      })

      expect(response.status).toBe(200)
      const seen = await app.waitForRequest((each) => each.target === path)
      expect(headerValue(seen.headers, 'host')).toBe('cloud.example.com')
      expect(seen.header('ex-app-id')).toBe('foo')
    })

    test('a WebSocket carries text and binary messages both ways', async () => {
      const { endpoint } = await stage()

      const [text, binary] = await webSocketEcho(endpoint, '/exapps/foo/public/socket')

      expect(text).toBe('grüße')
      expect(binary.equals(Buffer.alloc(100_000, 7))).toBe(true)
    })

    for (const [what, how] of streams) {
      test(`each piece of ${what} arrives before the next one is sent`, async () => {
        const { app, endpoint } = await stage()

        const pieces = await streamedPieces(app, endpoint, '/exapps/foo/public/stream', how)

        expect(pieces).toEqual(['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n'])
      })
    }

    test('an upload reaches the app while it is being sent', async () => {
      const { app, endpoint } = await stage()

      const response = await uploadInTwoPieces(app, endpoint, '/exapps/foo/public/upload')

      expect(response.status).toBe(200)
      expect(JSON.parse(response.body.toString())).toMatchObject({ bodyBytes: 200_000 })
    })

    test('a large upload and a large download arrive byte for byte', async () => {
      const { app, endpoint } = await stage()

      const up = await largeUpload(endpoint, '/exapps/foo/public/big', sizeBytes)
      const target = `/exapps/foo/public/big?do=bytes&framing=length&size=${sizeBytes}`
      const down = await largeDownload(endpoint, target)
      const direct = await largeDownload({ host: '127.0.0.1', port: app.port }, target)

      expect(JSON.parse(up.response.body.toString())).toMatchObject({
        bodyBytes: sizeBytes,
        bodySha256: up.sha256,
      })
      expect(down).toEqual(direct)
      expect(down.bytes).toBe(sizeBytes)
    })

    test('a chunked upload arrives byte for byte', async () => {
      const { endpoint } = await stage()

      const up = await chunkedUpload(endpoint, '/exapps/foo/public/chunked', 200)

      expect(JSON.parse(up.response.body.toString())).toMatchObject({
        bodyBytes: up.bytes,
        bodySha256: up.sha256,
      })
    })

    test('failures ban the client that made them, whatever address it claims, and nobody else', async () => {
      const { front } = await stage()
      const [attacker, victim, neighbour] = [freshClient(), freshClient(), freshClient()]
      const claims = [victim, `${victim}, 203.0.113.9`, `203.0.113.9, ${victim}`].slice(0, banCount)
      const publicPage = { target: '/exapps/foo/public' }

      const statuses: number[] = []
      for (const claim of claims) {
        const response = await request(clientOf(front, attacker), {
          target: '/exapps/foo/nothing-here',
          headers: [
            ['X-Forwarded-For', claim],
            ['X-Real-IP', victim],
          ],
        })
        statuses.push(response.status)
      }
      const banned = await request(clientOf(front, attacker), publicPage)
      const others = [
        await request(clientOf(front, victim), publicPage),
        await request(clientOf(front, neighbour), publicPage),
      ]

      expect(statuses).toEqual([404, 404, 404])
      expect(banned.status).toBe(statusOfDrop)
      expect(others.map((each) => each.status)).toEqual([200, 200])
    })

    more?.(test, stage)

    test("the gateway stops at once for all the proxy's idle connections, and is found again after its start", async () => {
      const { backstage, endpoint } = await stage()
      const publicPage = { target: '/exapps/foo/public' }
      await request(endpoint, publicPage)

      const stoppedAfterMs = await backstage.stopGateway()
      const during = [await request(endpoint, publicPage), await request(endpoint, publicPage)]
      await backstage.restartGateway()
      const after = await request(endpoint, publicPage)

      expect(stoppedAfterMs).toBeLessThan(5_000)
      for (const { status } of during) expect([502, 503]).toContain(status)
      expect(after.status).toBe(200)
    })
  })
}

async function startStage(start: FrontUnderTest['start']): Promise<Omit<Stage, 'endpoint'>> {
  const backstage = await Backstage.start()
  try {
    return { backstage, front: await start(backstage.port), app: backstage.app }
  } catch (error) {
    await backstage.stop()
    throw error
  }
}
