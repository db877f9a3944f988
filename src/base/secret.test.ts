import { inspect } from 'node:util'
import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { createLogger } from './logger.ts'
import { Secret } from './secret.ts'

test('a secret shows itself to nobody but who asks by name', () => {
  const secret = new Secret('hunter2')

  expect(
    `${String(secret)} ${JSON.stringify({ secret })} ${inspect(secret)} ${inspect({ deep: [secret] })}`,
  ).not.toContain('hunter2')
  expect(secret.reveal()).toBe('hunter2')
})

test('only the same text is equal', () => {
  const secret = new Secret('hunter2')

  expect(secret.equals('hunter2')).toBe(true)
  for (const other of ['', 'hunter', 'hunter22', 'Hunter2']) expect(secret.equals(other)).toBe(false)
})

test('the log never has cookies, keys or tokens, at the top or one level down', () => {
  let text = ''
  const log = createLogger(
    'info',
    new Writable({ write: (chunk, _, done) => ((text += String(chunk)), done()) }),
  )

  log.info(
    {
      cookie: 'hunter2',
      headers: {
        cookie: 'hunter2',
        authorization: 'hunter2',
        'harp-shared-key': 'hunter2',
        'authorization-app-api': 'hunter2',
      },
      record: { token: 'hunter2', exapp_token: 'hunter2' },
      sharedKey: new Secret('hunter2'),
      app: 'foo',
    },
    'request',
  )

  expect(text).not.toContain('hunter2')
  expect(JSON.parse(text)).toMatchObject({ level: 'info', app: 'foo', msg: 'request' })
})
