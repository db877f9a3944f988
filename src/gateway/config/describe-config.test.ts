import { expect, test } from 'vitest'
import { describeConfig, formatProblems } from './describe-config.ts'
import { parseConfig } from './parse-config.ts'
import { settings, settingNames } from './settings.ts'

const files = { exists: () => false, readFile: () => undefined }
const key = 'the-shared-key-of-the-test'
const token = 'the-bearer-token-of-the-test'
const minimal = { HP_SHARED_KEY: key, NC_INSTANCE_URL: 'https://cloud.example.com' }

function describe(env: Record<string, string>): Map<string, string> {
  const { config } = parseConfig({ ...minimal, ...env }, files)
  if (config === null) throw new Error('the environment of the test is wrong')
  return new Map(describeConfig(config))
}

test('every setting that acts is described, once and in the order of the table', () => {
  const surroundings = ['XDG_STATE_HOME', 'HOME', 'KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT']
  const isDescribed = (name: string): boolean =>
    ![...surroundings, 'HP_SHARED_KEY_FILE'].includes(name) && !/^HP_(?:SPOA|WAIT|WATCHDOG)_/.test(name)

  expect([...describe({}).keys()]).toEqual(settingNames.filter(isDescribed))
})

test('what is described reads back as the same configuration', () => {
  const rich = {
    HP_EXAPPS_ADDRESS: '[::1]:80',
    HARP_ADMIN_ADDRESS: 'off',
    HP_TIMEOUT_CONNECT: '1500ms',
    HP_LOG_LEVEL: 'info',
    HP_VERBOSE_START: '0',
    HP_TRUSTED_PROXY_IPS: '10.0.0.0/8, ::1',
    HP_SESSION_LIFETIME: '0.25',
    HP_FRP_DISABLE_TLS: 'true',
    HARP_BAN_RESPONSE: '429',
    HP_EXAPP_BIND_MOUNTS_ALLOWED: '/srv/models,/mnt',
    HP_EXAPP_BIND_MOUNTS_ENFORCE_ALL: 'yes',
    HP_K8S_HOST_ALIASES: 'a:10.0.0.1,b:10.0.0.1',
  }
  const described = describe(rich)

  expect(describe({ ...Object.fromEntries(described), ...minimal })).toEqual(described)
  expect(described.get('HP_TRUSTED_PROXY_IPS')).toBe('10.0.0.0/8, ::1/128')
  expect(described.get('HP_EXAPPS_ADDRESS')).toBe('[::1]:80')
})

test('defaults are described as the table writes them', () => {
  const described = describe({})
  for (const name of [
    'HP_EXAPPS_ADDRESS',
    'HARP_ADMIN_ADDRESS',
    'HP_LOG_LEVEL',
    'HP_SESSION_LIFETIME',
  ] as const) {
    expect(described.get(name)).toBe(settings[name].default)
  }
})

test('an unlimited tunnel timeout is said in words', () => {
  expect(describe({ HP_TIMEOUT_TUNNEL: '0' }).get('HP_TIMEOUT_TUNNEL')).toBe('unlimited')
})

test('the key and the token are described as [secret]', () => {
  const described = describe({ HP_K8S_BEARER_TOKEN: token })

  expect(described.get('HP_SHARED_KEY')).toBe('[secret]')
  expect(described.get('HP_K8S_BEARER_TOKEN')).toBe('[secret]')
  expect([...described.values()].filter((value) => value.includes(key) || value.includes(token))).toEqual([])
})

test('problems are one line each: errors first, with name, value and fix', () => {
  const lines = formatProblems([
    { severity: 'warning', name: '/haproxy.cfg', value: null, message: 'is ignored', fix: 'remove it' },
    { severity: 'fatal', name: 'HP_LOG_LEVEL', value: 'loud', message: 'is not known', fix: 'write debug' },
    { severity: 'warning', name: 'HP_X', value: null, message: 'is unknown', fix: 'did you mean HP_Y?' },
  ])

  expect(lines).toEqual([
    'ERROR: HP_LOG_LEVEL="loud" is not known. Fix: write debug.',
    'WARNING: /haproxy.cfg is ignored. Fix: remove it.',
    'WARNING: HP_X is unknown. Fix: did you mean HP_Y?',
  ])
})

test('a value can neither forge a second line, nor drive the terminal, nor flood it', () => {
  const [line = ''] = formatProblems([
    {
      severity: 'fatal',
      name: 'HP_LOG_LEVEL',
      value: `a\nERROR: b\u001b[2J\u2028\u202e${'c'.repeat(5000)}`,
      message: 'm',
      fix: 'f',
    },
  ])

  expect(line).toContain('a\\u000aERROR: b\\u001b[2J\\u2028\\u202e')
  expect(line.length).toBeLessThan(300)
})
