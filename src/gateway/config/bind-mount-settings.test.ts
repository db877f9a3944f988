import { expect, test } from 'vitest'
import { readBindMounts } from './bind-mount-settings.ts'
import { formatProblems } from './describe-config.ts'
import { SettingsReader } from './settings-reader.ts'

function read(env: Record<string, string>): {
  config: ReturnType<typeof readBindMounts>
  problems: string[]
} {
  const reader = new SettingsReader(env)
  const config = readBindMounts(reader)
  return { config, problems: formatProblems(reader.problems) }
}

test('without settings ExApps may mount what gives no power over the host', () => {
  expect(read({})).toEqual({
    config: { isDisabled: false, allowed: [], denied: [], enforceAll: false },
    problems: [],
  })
})

test('lists are comma-separated paths, compared in their plain form', () => {
  const { config, problems } = read({
    HP_EXAPP_BIND_MOUNTS_DISABLED: 'true',
    HP_EXAPP_BIND_MOUNTS_ALLOWED: '"/srv//models/, /mnt/./data"',
    HP_EXAPP_BIND_MOUNTS_DENIED: "'/var/run/x',/srv/a/../private,,",
    HP_EXAPP_BIND_MOUNTS_ENFORCE_ALL: '1',
  })

  expect(problems).toEqual([])
  expect(config).toEqual({
    isDisabled: true,
    allowed: ['/srv/models', '/mnt/data'],
    denied: ['/run/x', '/srv/private'],
    enforceAll: true,
  })
})

test.each([
  ['HP_EXAPP_BIND_MOUNTS_ALLOWED', 'srv/models'],
  ['HP_EXAPP_BIND_MOUNTS_DENIED', '/srv, home'],
  ['HP_EXAPP_BIND_MOUNTS_DISABLED', 'maybe'],
  ['HP_EXAPP_BIND_MOUNTS_ENFORCE_ALL', 'all'],
])('%s=%s stops the start', (name, value) => {
  const { problems } = read({ [name]: value })

  expect(problems).toEqual([expect.stringMatching(new RegExp(`^ERROR: ${name}=`))])
})
