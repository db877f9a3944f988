import { expect, test } from 'vitest'
import { createLogger } from './logger.ts'

function logged(fields: object): string {
  let text = ''
  const log = createLogger('info', {
    write(line: string) {
      text += line
    },
  })
  log.info(fields, 'a message')
  return text
}

test.each(['token', 'sharedKey', 'harp-shared-key', 'metas', 'privilegeKey', 'privilege_key', 'cookie'])(
  'what is in a field called %s does not reach the log, nor one level down',
  (name) => {
    const text = logged({ [name]: 'hidden', login: { [name]: 'hidden' }, shown: 'plain' })

    expect(text).not.toContain('hidden')
    expect(text).toContain('"shown":"plain"')
  },
)

test('a login of frp can be logged without its token', () => {
  const login = { user: 'me', metas: { token: 'hidden' }, privilegeKey: 'hidden' }

  expect(logged({ login })).not.toContain('hidden')
  expect(logged(login)).not.toContain('hidden')
})
