/* oxlint-disable vitest/no-standalone-expect -- the tests are declared by realPart */
/** The sync core in Chromium, with the portable suite, against the same core in Node with node:crypto. */
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, expect } from 'vitest'
import { nodeSuite } from '../../src/sync/crypto/node-suite.ts'
import { isCommandInstalled, realPart } from '../support/real-parts.ts'
import { ModuleServer } from './support/module-server.ts'
import type * as scenario from './support/sync-scenario.ts'
import { judgeProof, judgeTampered, playScenario } from './support/sync-scenario.ts'

const test = realPart('chromium', () => isCommandInstalled('chromium'))
const testMs = 60_000

let started: Promise<{ server: ModuleServer; browser: Browser; page: Page; complaints: string[] }> | undefined

/** A page that loads nothing but the modules it is asked to. */
function start(): NonNullable<typeof started> {
  started ??= (async () => {
    const server = await ModuleServer.start()
    const browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    })
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => complaints.push(message.text()))
    await page.goto(server.url)
    return { server, browser, page, complaints }
  })()
  return started
}

afterAll(async () => {
  const running = await started
  await running?.browser.close()
  await running?.server.stop()
})

type Scenario = typeof scenario
type Act = 'playScenario' | 'judgeProof' | 'judgeTampered'
type Rest<Name extends Act> = Scenario[Name] extends (suite: never, ...rest: infer Given) => unknown
  ? Given
  : never

/** What a function of the scenario returns that runs in the page. As text, because a test's own code is changed before it runs. */
async function inThePage<Name extends Act>(
  name: Name,
  ...rest: Rest<Name>
): Promise<ReturnType<Scenario[Name]>> {
  const { page } = await start()
  const given = rest.map((value) => JSON.stringify(value)).join(', ')
  return page.evaluate(`(async () => {
    const scenario = await import('/test/browser/support/sync-scenario.ts')
    const { portableSuite } = await import('/src/sync/crypto/portable-suite.ts')
    return scenario.${name}(portableSuite, ${given})
  })()`)
}

test(
  'two replicas in a page write, exchange and prove exactly what they do in Node, byte for byte',
  async () => {
    const { server, complaints } = await start()

    const inPage = await inThePage('playScenario', 'the same')
    const inNode = playScenario(nodeSuite, 'the same')

    expect(inPage.digests[0]).toEqual(inPage.digests[1])
    expect(inPage.digests[0]?.mapRoot).toMatch(/^[0-9a-f]{64}$/)
    expect(inPage.finalLength).toBe(inPage.digests[0]?.size)
    expect(inPage.shown).toEqual(['B', 'notes.txt', 'B/A', 'B/A/new Ä.txt'])
    expect(inPage).toEqual(inNode)
    expect(server.refused).toEqual([])
    expect(complaints).toEqual([])
  },
  testMs,
)

test(
  'another seed gives another folder',
  async () => {
    const inPage = await inThePage('playScenario', 'another')
    const inNode = playScenario(nodeSuite, 'the same')

    expect(inPage.told.folderId).not.toBe(inNode.told.folderId)
    expect(inPage.conversation).not.toBe(inNode.conversation)
  },
  testMs,
)

test(
  'the page checks a proof made in Node, and Node one made in the page',
  async () => {
    const ours = playScenario(nodeSuite, 'made in Node')
    const theirs = await inThePage('playScenario', 'made in a page')

    const judgedInPage = await inThePage('judgeProof', ours.revealedProof, ours.told)
    const judgedInNode = judgeProof(nodeSuite, theirs.revealedProof, theirs.told)

    expect(judgedInPage.map((line) => line.slice(65))).toEqual(['11', '12', '13', '14', '11'])
    expect(judgedInNode.map((line) => line.slice(65))).toEqual(['11', '12', '13', '14', '11'])
    expect(await inThePage('judgeProof', ours.sealedProof, ours.told)).toEqual(
      judgedInPage.map((line) => `${line.slice(0, 64)} sealed`),
    )
    expect(await inThePage('judgeProof', ours.sealedProof, theirs.told)).toEqual(['untrusted-issuer'])
    expect(judgeProof(nodeSuite, theirs.sealedProof, ours.told)).toEqual(['untrusted-issuer'])
  },
  testMs,
)

test(
  'the page refuses a tampered proof wherever it is changed, for the reason that Node has',
  async () => {
    const { revealedProof: proof, told } = playScenario(nodeSuite, 'tampered')
    const step = 41

    const inPage = await inThePage('judgeTampered', proof, { told, step })
    const inNode = judgeTampered(nodeSuite, proof, { told, step })

    expect(inPage).toEqual(inNode)
    expect(inPage.length).toBeGreaterThan(40)
    expect(inPage.filter((verdict) => /^[0-9a-f]{64} /.test(verdict))).toEqual([])
    expect(new Set(inPage)).toContain('not-in-map')
    expect(new Set(inPage)).toContain('not-the-body')
  },
  testMs,
)
