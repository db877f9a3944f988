import { expect, test } from 'vitest'
import { readStateDir } from './state-dir.ts'

test('the state directory is known without the rest of the configuration', () => {
  expect(readStateDir({ HARP_STATE_DIR: '/run/harp' })).toEqual({ kind: 'ok', path: '/run/harp' })
  expect(readStateDir({ HOME: '/home/a' })).toEqual({ kind: 'ok', path: '/home/a/.local/state/harp' })
  expect(readStateDir({ HP_SESSION_LIFETIME: '99', HOME: '/home/a' }).kind).toBe('ok')
})

test('a wrong state directory is told, and nothing else', () => {
  const found = readStateDir({ HARP_STATE_DIR: 'relative', HP_SESSION_LIFETIME: '99' })

  expect(found.kind === 'wrong' && found.problems.filter((each) => each.severity === 'fatal')).toMatchObject([
    { name: 'HARP_STATE_DIR' },
  ])
})
