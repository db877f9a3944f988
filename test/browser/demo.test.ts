/* oxlint-disable vitest/no-standalone-expect -- the tests are declared by realPart */
/**
 * The demo as a newcomer sees it: Chromium, the front, the gateway, the stand-in Nextcloud and the sample app,
 * one page per identity.
 */
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { afterAll, afterEach, expect } from 'vitest'
import { silentLogger } from '../../src/base/logger.ts'
import { startDemo, type Demo } from '../../src/demo/demo.ts'
import { isCommandInstalled, realPart } from '../support/real-parts.ts'
import { startDemoGateway } from '../../src/cli/commands/demo.ts'

const test = realPart('chromium', () => isCommandInstalled('chromium'))
const testMs = 60_000
const waitMs = 15_000

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

let started: Promise<{ readonly demo: Demo; readonly browser: Browser }> | undefined
const pages: Page[] = []
/** What pages threw, or were not allowed by their own policy. */
const complaints: string[] = []

function start(): NonNullable<typeof started> {
  started ??= (async () => {
    const demo = await startDemo({
      log: silentLogger,
      startGateway: (settings) => startDemoGateway(settings, silentLogger, '0.0.0'),
      preferredPort: 0,
    })
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags })
    return { demo, browser }
  })()
  return started
}

afterEach(async () => {
  for (const page of pages.splice(0)) await page.context().close()
  expect(complaints.splice(0)).toEqual([])
})

afterAll(async () => {
  const running = await started
  await running?.browser.close()
  await running?.demo.stop()
})

type Person = 'nobody' | 'alice' | 'admin'

/** A fresh profile on the landing page. */
async function openLanding(options: BrowserContextOptions = {}): Promise<Page> {
  const { demo, browser } = await start()
  const context = await browser.newContext(options)
  const page = await context.newPage()
  pages.push(page)
  page.setDefaultTimeout(waitMs)
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) complaints.push(message.text())
  })
  await page.goto(demo.url)
  return page
}

async function openAs(person: Person, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await openLanding(options)
  await page.click(`a.person:has(.name:text-is("${person === 'nobody' ? 'Nobody' : person}"))`)
  await page.waitForSelector('body[data-ready]')
  return page
}

async function expectText(page: Page, selector: string, text: string | RegExp): Promise<void> {
  await expect.poll(() => page.textContent(selector), { timeout: waitMs }).toMatch(text)
}

/** The table of levels and ways, once nothing in it is still being tried. */
async function reach(page: Page): Promise<string[][]> {
  const rows = (): Promise<string[][]> =>
    page
      .locator('.reach tbody tr')
      .evaluateAll((all) =>
        all.map((row) => [...row.querySelectorAll('.badge')].map((each) => each.textContent)),
      )
  await expect.poll(async () => (await rows()).flat(), { timeout: waitMs }).not.toContain('…')
  return rows()
}

const open = ['200', 'live', 'open']
const refused = ['403', 'refused', 'refused']

const expectations: readonly [person: Person, rows: readonly string[][]][] = [
  ['nobody', [open, refused, refused]],
  ['alice', [open, open, refused]],
  ['admin', [open, open, open]],
]

for (const [person, rows] of expectations) {
  test(
    `${person} reaches by HTTP, events and WebSocket exactly the levels that are open to that person`,
    async () => {
      const page = await openAs(person)

      expect(await reach(page)).toEqual(rows)
      expect(await page.textContent('#path-you')).toBe(
        person === 'nobody' ? 'not signed in' : `signed in as ${person}`,
      )
    },
    testMs,
  )
}

test(
  'one click on the page changes who you are',
  async () => {
    const page = await openAs('nobody')

    for (const person of ['admin', 'alice', 'nobody'] as const) {
      await page.click(`#identity a:text-is("${person}")`)
      await page.waitForSelector('body[data-ready]')

      await expectText(page, '#reach-you', person)
      expect(await page.textContent('#identity [aria-current="true"]')).toBe(person)
    }
  },
  testMs,
)

test(
  'the HTTP card shows what the app saw, and nothing where the gateway refused',
  async () => {
    const page = await openAs('alice')

    await page.click('#http-levels [data-level="user"]')
    await expectText(page, '#http-line', 'GET /exapps/demo/user/hello')
    expect(await page.textContent('#http-status')).toBe('200')
    const facts = await page.textContent('#http-facts')
    await page.click('#http-levels [data-level="admin"]')
    await expectText(page, '#http-status', '403')

    expect(facts).toMatch(/Visitoralice/)
    expect(facts).toMatch(/path\/user\/hello/)
    expect(facts).toMatch(/ex-app-iddemo.*ex-app-version1\.0\.0.*aa-version32/)
    expect(facts).toMatch(/x-forwarded-for127\.0\.0\.1/)
    expect(await page.isVisible('#http-facts')).toBe(false)
    expect(await page.textContent('#http-note')).toContain('The app saw nothing of it')
  },
  testMs,
)

test(
  'an upload of 8 MiB arrives whole',
  async () => {
    const page = await openAs('nobody')

    await page.click('#upload')

    await expectText(page, '#upload-result', /^8 MiB arrived in \d+ ms$/)
  },
  testMs,
)

test(
  'the clock ticks at the level that is chosen, and stops where the gateway refuses',
  async () => {
    const page = await openAs('alice')

    await page.click('#clock-levels [data-level="user"]')
    await expectText(page, '#clock-count', 'event 3 for alice')
    const time = await page.textContent('#clock-time')
    await page.click('#clock-levels [data-level="admin"]')

    expect(time).toMatch(/^\d\d:\d\d:\d\d$/)
    await expectText(page, '#clock-status', 'refused')
  },
  testMs,
)

test(
  'what alice says in the users’ chat reaches admin at once, and nobody cannot come in',
  async () => {
    const [alice, admin, nobody] = [await openAs('alice'), await openAs('admin'), await openAs('nobody')]
    for (const page of [alice, admin, nobody]) await page.click('#chat-levels [data-level="user"]')
    await expectText(alice, '#chat-present', 'you are alice, 2 are here')

    await alice.fill('#chat-text', 'Is <b>anybody</b> here?')
    await alice.press('#chat-text', 'Enter')
    await expectText(admin, '#chat-talk li:not(.is-mine)', 'aliceIs <b>anybody</b> here?')
    await admin.fill('#chat-text', 'Only me')
    await admin.click('#chat-form button')
    await expectText(alice, '#chat-talk li:last-child', 'adminOnly me')

    await expectText(nobody, '#chat-status', 'refused')
    expect(await nobody.isDisabled('#chat-text')).toBe(true)
    expect(await nobody.textContent('#chat-talk')).not.toContain('anybody')
  },
  testMs,
)

test(
  'what only an attacker sends is refused or dropped, and the page stays usable',
  async () => {
    const page = await openAs('nobody')

    for (const button of await page.locator('#attempts button').all()) await button.click()
    const outcomes = (): Promise<string[][]> =>
      page
        .locator('#attempts .badge')
        .evaluateAll((all) => all.map((each) => [each.textContent, each.dataset['kind'] ?? '']))

    await expect.poll(outcomes, { timeout: waitMs }).toEqual([
      ['403', 'refused'],
      ['dropped', 'dropped'],
      ['dropped', 'dropped'],
      ['404', 'refused'],
      ['404', 'refused'],
      ['401', 'refused'],
    ])
    await page.reload()
    await page.waitForSelector('body[data-ready]')
    expect((await reach(page))[0]).toEqual(open)
  },
  testMs,
)

test(
  'a header that claims to be admin does not change who the app sees',
  async () => {
    const page = await openAs('alice')

    const answer = await page.evaluate(async () => {
      const headers = { 'authorization-app-api': btoa('admin:guess'), 'ex-app-id': 'other' }
      return (await fetch('/exapps/demo/user/hello', { headers })).json()
    })

    expect(answer).toMatchObject({ user: 'alice', headers: { 'ex-app-id': 'demo' } })
  },
  testMs,
)

test(
  'the page counts that Nextcloud is asked once about the app, however many requests there are',
  async () => {
    const page = await openAs('admin')
    await reach(page)

    await expectText(page, '#path-asked', /^asked once about the app, (once|\d+ times) about visitors$/)
    await expectText(page, '#path-app', /^has answered \d+ requests$/)
  },
  testMs,
)

test(
  'the page shows the way through the tunnel, with what the gateway knows of it',
  async () => {
    const page = await openAs('alice')

    await expectText(page, '#tunnel-state', /^open$/)
    expect(await page.textContent('#wire-in')).toMatch(/tunnel\s*mutual TLS/)
    await expectText(page, '#tunnel-age', /^\d+ (s|min \d+ s)$/)
    await expectText(page, '#tunnel-peer', '127.0.0.1')
    await expectText(page, '#tunnel-tls', 'a certificate of this gateway')
    expect(await page.getAttribute('#tunnel-tls', 'title')).toContain('CN=harp.client.nc, valid until 20')
    await expectText(page, '#tunnel-login', 'a token of its own')
    await page.click('#upload')
    await expectText(page, '#upload-result', '8 MiB arrived')
    await expectText(page, '#tunnel-to-app', /^\d+\.\d MiB$/)
  },
  testMs,
)

test(
  'the tunnel is cut by a click, heals by itself, and clock, chat and requests go on',
  async () => {
    const page = await openAs('alice')
    await expectText(page, '#clock-count', 'event 2 for alice')
    const hello = (): Promise<number> =>
      page.evaluate(async () => (await fetch('/exapps/demo/public/hello')).status)

    await page.click('#tunnel-cut')
    await expectText(page, '#tunnel-state', 'cut')
    expect(await page.isDisabled('#tunnel-cut')).toBe(true)
    expect(await hello()).toBe(503)
    await expectText(page, '#tunnel-story', /^Healed by itself, \d\.\d s after the cable was back\.$/)

    await expectText(page, '#tunnel-state', 'open')
    expect(await hello()).toBe(200)
    await expectText(page, '#clock-status', 'live')
    await expectText(page, '#clock-count', 'event 2 for alice')
    await expectText(page, '#chat-status', 'open')
  },
  testMs,
)

test(
  'many refused requests do not lock the visitor out, and a dropped one is explained',
  async () => {
    const page = await openAs('nobody')

    const statuses = await page.evaluate(async () => {
      const paths = Array.from({ length: 15 }, () => '/exapps/demo/backstage')
      return Promise.all(paths.map(async (path) => (await fetch(path)).status))
    })
    const { origin } = new URL(page.url())
    const dropped = await page.goto(`${origin}/exapps/demo/heartbeat`)

    expect(new Set(statuses)).toEqual(new Set([404]))
    expect(dropped?.status()).toBe(502)
    expect(await page.textContent('h1')).toBe('The gateway hung up without a word')
    await page.goto(`${origin}/exapps/demo/`)
    await page.waitForSelector('body[data-ready]')
  },
  testMs,
)

test(
  'on a phone, light or dark, nothing sticks out sideways',
  async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await openLanding({ viewport: { width: 390, height: 844 }, colorScheme })
      const width = (): Promise<unknown> => page.evaluate('document.documentElement.scrollWidth')
      expect(await width()).toBe(390)
      await page.click('a.person')
      await page.waitForSelector('body[data-ready]')
      await reach(page)
      expect(await width()).toBe(390)
    }
  },
  testMs,
)
