/** What is shipped around the program says the same as the program: names, defaults, rights, files. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseDuration } from '../../src/base/duration.ts'
import { settingNames, settings } from '../../src/gateway/config/settings.ts'
import { keyPaths } from './yaml-keys.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const dockerfile = read('Dockerfile')
const manifest = JSON.parse(read('package.json')) as {
  readonly version: string
  readonly engines: { readonly node: string }
}

describe('the image', () => {
  const copies = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) =>
    (match[1] ?? '').split(' '),
  )

  test('copies what is there and what .dockerignore lets in', () => {
    const [first, ...rest] = read('.dockerignore').trim().split('\n')
    const admitted = rest.filter((line) => line.startsWith('!')).map((line) => line.slice(1))

    expect(first).toBe('*')
    expect(copies.filter((path) => !existsSync(join(root, path)))).toEqual([])
    expect(admitted.toSorted()).toEqual([...new Set(copies)].toSorted())
  })

  test('is built on the Node that package.json asks for', () => {
    const [, major = ''] = /^>=(\d+)\./.exec(manifest.engines.node) ?? []

    expect(dockerfile).toMatch(new RegExp(`^ARG NODE_IMAGE=node:${major}-`, 'm'))
  })

  test('its entry point knows the defaults of the gateway and the user of the image', () => {
    const entry = read('deploy/container/harp.js')
    const defaults = [...entry.matchAll(/^ {2}(HARP_\w+): '([^']+)',$/gm)]
    const [, user = ''] = /^const harpUser = (\d+)$/m.exec(entry) ?? []

    expect(defaults.map(([, name]) => name)).toEqual([
      'HARP_CERTS_DIR',
      'HARP_STATE_DIR',
      'HARP_DOCKER_SOCKET',
    ])
    const expected = defaults.map(([, name = '']) => {
      const inImage = new RegExp(`${name}=(\\S+)`).exec(dockerfile)?.[1]
      return inImage ?? settings[name as keyof typeof settings].default
    })
    expect(defaults.map(([, , value]) => value)).toEqual(expected)
    expect(dockerfile).toContain(`chown ${user}:${user} `)
    expect(read('deploy/helm/harp/templates/statefulset.yaml')).toContain(`runAsUser: ${user}\n`)
  })
})

test('every setting that is named exists', () => {
  const files = [
    'Dockerfile',
    'docs/deploy.md',
    ...globSync('deploy/**/*.{yaml,service,js,txt}', { cwd: root }),
  ]
  const notOurs = ['HARP_CERTS_VOLUME']

  const unknown = files.flatMap((file) =>
    [...read(file).matchAll(/\b(?:HP|HARP)_[A-Z0-9_]+\b/g)]
      .map(([name]) => name)
      .filter((name) => !settingNames.includes(name) && !notOurs.includes(name))
      .map((name) => `${file}: ${name}`),
  )

  expect(files.length).toBeGreaterThan(10)
  expect(unknown).toEqual([])
})

test('whoever stops it waits longer than running requests may take', () => {
  const drainMs = millisecondsOf(settings.HARP_TIMEOUT_DRAIN.default)
  const patience = [
    /stop_grace_period: (\w+)/.exec(read('deploy/compose.yaml'))?.[1],
    `${/terminationGracePeriodSeconds: (\d+)/.exec(read('deploy/helm/harp/templates/statefulset.yaml'))?.[1]}s`,
    `${/TimeoutStopSec=(\d+)/.exec(read('deploy/systemd/harp.service'))?.[1]}s`,
  ]

  for (const each of patience) expect(millisecondsOf(each ?? '')).toBeGreaterThan(drainMs)
})

describe('the Helm chart', () => {
  const chart = 'deploy/helm/harp'
  const templates = globSync(`${chart}/templates/*`, { cwd: root }).map((file) => ({
    file,
    text: read(file),
  }))
  const values = keyPaths(read(`${chart}/values.yaml`))

  test('has the version of the project', () => {
    expect(read(`${chart}/Chart.yaml`)).toContain(`\nappVersion: ${manifest.version}\n`)
  })

  test('uses each value, and no other', () => {
    const used = new Set(
      templates.flatMap(({ text }) =>
        [...text.matchAll(/\.Values\.([\w.]+)/g)].map((match) => match[1] ?? ''),
      ),
    )

    expect([...used].filter((path) => !values.includes(path))).toEqual([])
    expect(
      values.filter(
        (path) =>
          ![...used].some(
            (each) => path === each || path.startsWith(`${each}.`) || each.startsWith(`${path}.`),
          ),
      ),
    ).toEqual([])
  })

  test('its schema knows each value, and no other', () => {
    const schema = JSON.parse(read(`${chart}/values.schema.json`)) as Schema
    const free = ['settings', 'resources', 'global']

    const known = propertyPaths(schema, '').filter((path) => path !== 'global')

    expect(known.toSorted()).toEqual(
      values.filter((path) => !free.some((each) => path.startsWith(`${each}.`))).toSorted(),
    )
  })

  test('closes each block that it opens, and indents with blanks', () => {
    const broken = templates.filter(({ text }) => {
      const opened = text.match(/\{\{-? (?:if|with|range|define)\b/g) ?? []
      const closed = text.match(/\{\{-? end\b/g) ?? []
      return closed.length !== opened.length || text.includes('\t')
    })

    expect(templates.length).toBeGreaterThan(5)
    expect(broken.map(({ file }) => file)).toEqual([])
  })
})

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
}

function propertyPaths({ properties = {} }: Schema, prefix: string): string[] {
  return Object.entries(properties).flatMap(([name, inner]) => [
    `${prefix}${name}`,
    ...propertyPaths(inner, `${prefix}${name}.`),
  ])
}

function millisecondsOf(text: string): number {
  const parsed: unknown = parseDuration(text)
  if (typeof parsed === 'number') return parsed
  throw new Error(`${text} is no duration`)
}
