import { readdirSync, readFileSync, statSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import { fromHex } from '../../../src/sync/ids.ts'
import { decodeInvitation, encodeInvitation } from '../../../src/sync/link/invitation.ts'
import { parseHostPort } from '../../../src/net/address.ts'
import { EvilWorld } from '../support/evil-member.ts'
import { RealDaemon } from '../support/real-daemon.ts'

const world = new EvilWorld()
const taps: Tap[] = []
afterEach(async () => {
  await world.end()
  await Promise.all(taps.splice(0).map((tap) => tap.close()))
})

/** Passes connections on and keeps what went by. */
class Tap {
  readonly bytes: Buffer[] = []
  readonly #sockets = new Set<Socket>()
  readonly #server: Server

  constructor(address: string) {
    const target = parseHostPort(address)!
    this.#server = createServer((near) => {
      const far = connect(target)
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from)
        from.on('error', () => {}).on('close', () => to.destroy())
        from.on('data', (chunk) => {
          this.bytes.push(chunk)
          to.write(chunk)
        })
      }
    })
  }

  async listen(): Promise<string> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening')
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => {
      this.#server.close(resolve)
    })
  }
}

const names = ['canaryfolder', 'canaryfile.txt', 'canarylarge', 'canarydir', 'canarylink']
const content = 'canarycontent '
const contents = [content.repeat(3), content.repeat(200_000)]

/** As text, as hex, as base64 where that can be told. */
function formsOf(secret: Uint8Array): Buffer[] {
  const bytes = Buffer.from(secret)
  return [bytes, Buffer.from(bytes.toString('hex')), Buffer.from(bytes.toString('base64').replace(/=+$/, ''))]
}

function leaks(where: Buffer, secrets: Readonly<Record<string, readonly Buffer[]>>): string[] {
  return Object.entries(secrets).flatMap(([name, forms]) =>
    forms.some((form) => where.includes(form)) ? [name] : [],
  )
}

function filesBelow(directory: string): Map<string, Buffer> {
  const found = new Map<string, Buffer>()
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, name)
    if (statSync(path).isFile()) found.set(name, readFileSync(path))
  }
  return found
}

test('names, contents and keys are where they belong, and nowhere else', async () => {
  const anna = await (await world.daemon(() => new RealDaemon('canaryanna'))).founds('canaryfolder')
  const ben = await world.daemon(() => new RealDaemon('canaryben'))
  const tap = new Tap(anna.address)
  taps.push(tap)
  const invitation = decodeInvitation(nodeSuite, await anna.invite(), Date.now())
  const code = encodeInvitation(nodeSuite, { ...invitation, addresses: [await tap.listen()] })
  await ben.api.join({ code, path: ben.root })

  anna.write('canaryfile.txt', contents[0]!)
  anna.write('canarydir/canarylarge', contents[1]!)
  await ben.untilReads('canaryfile.txt', contents[0]!)
  await ben.untilReads('canarydir/canarylarge', contents[1]!)
  // An old version, so that packs and what is kept have something in them.
  ben.write('canaryfile.txt', contents[0]!.toUpperCase())
  await anna.untilReads('canaryfile.txt', contents[0]!.toUpperCase())
  await ben.until('rest', () => ben.status().state === 'idle' && anna.status().state === 'idle')

  const epochs = (await anna.api.folderKeys!()).flatMap(({ keys }) => keys.map(({ key }) => fromHex(key)))
  const devices = [anna, ben].map(({ home }) => home.readDevice(nodeSuite))
  const text = (each: string): Buffer[] => formsOf(Buffer.from(each))
  const keys = {
    epochs: epochs.flatMap(formsOf),
    signing: devices.flatMap(({ signingSeed }) => formsOf(signingSeed)),
    agreement: devices.flatMap(({ agreementSecret }) => formsOf(agreementSecret)),
    invitation: formsOf(invitation.secret),
  }
  const plaintext = { content: text(content.trim()), upper: text(content.trim().toUpperCase()) }
  const named = Object.fromEntries(names.map((name) => [name, text(name)]))
  expect(epochs.length).toBeGreaterThan(0)

  const logs = [anna, ben].map(({ logLines }) => Buffer.from(logLines.join('')))
  await Promise.all([anna.stop(), ben.stop()])

  const wire = Buffer.concat(tap.bytes)
  expect(wire.length).toBeGreaterThan(1_000)
  const deviceNames = { anna: text('canaryanna'), ben: text('canaryben') }
  expect(leaks(wire, { ...keys, ...plaintext, ...named, ...deviceNames })).toEqual([])

  // The log for people at the most talkative level: no content and no key. Names of folders may stand there.
  for (const log of logs) {
    expect(log.length).toBeGreaterThan(100)
    const { canaryfolder: _ours, ...fileNames } = named
    expect(leaks(log, { ...keys, ...plaintext, ...fileNames })).toEqual([])
  }

  let packs = 0
  for (const { home } of [anna, ben]) {
    for (const [name, bytes] of filesBelow(home.path)) {
      const where = (found: string[]): string[] => found.map((each) => `${each} in ${name}`)
      if (name === 'device.json') continue
      expect(where(leaks(bytes, { ...keys, ...plaintext }))).toEqual([])
      // Items are what this disk has, so they have names; so has the list of folders.
      if (/items\.sqlite|folders\.json|invitations\.json/.test(name)) continue
      expect(where(leaks(bytes, named))).toEqual([])
      if (/pack/.test(name)) packs++
    }
  }
  expect(packs).toBeGreaterThan(0)

  // The search itself finds what is there.
  const home = filesBelow(anna.home.path)
  const items = [...home].filter(([name]) => name.includes('items.sqlite')).map(([, bytes]) => bytes)
  expect(leaks(Buffer.concat(items), named)).toContain('canaryfile.txt')
  expect(leaks(home.get('device.json')!, keys)).toEqual(['signing', 'agreement'])
})
