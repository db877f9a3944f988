import { expect, test } from 'vitest'
import { patternLimits } from './limits.ts'
import { compileRoutePattern } from './route-pattern.ts'

const answer = (pattern: string, text: string): string => compileRoutePattern(pattern).matchesStart(text)

test.each([
  ['.*', ['', '/', '/anything'], []],
  ['^/public', ['/public', '/public/a', '/publicity'], ['/', '/a/public', '/PUBLIC']],
  ['^/public/.*', ['/public/', '/public/a/b'], ['/public', '/private/']],
  ['public', ['public/a'], ['/public']],
  ['^/PUBLIC', ['/PUBLIC'], ['/public']],
  ['(?i)^/public', ['/PUBLIC', '/Public/x'], ['/privat']],
  ['^/api/v1/[^/]+$', ['/api/v1/a', '/api/v1/a\n'], ['/api/v1/', '/api/v1/a/b', '/api/v1/a/\n']],
  ['^/(js|css|img)/.+\\.(js|css|png)$', ['/js/a.js', '/img/a.css'], ['/js/.js', '/js/a.jsx', '/font/a.js']],
  ['^\\/api\\/\\w+\\/?$', ['/api/a', '/api/a_1/', '/api/é'], ['/api/', '/api/a-b']],
  ['^/item/\\d{1,3}$', ['/item/1', '/item/٣'], ['/item/', '/item/1234']],
  ['^/$', ['/', '/\n'], ['', '/a', '/\n\n']],
  ['^$', ['', '\n'], ['/']],
  ['/a\\Z', ['/a'], ['/a\n']],
  ['/.', ['/a', '/🙂'], ['/', '/\n']],
  ['(?s)/.', ['/\n'], ['/']],
  ['(?m)/a$', ['/a\nb'], ['/ab']],
  ['(?x) / a  # comment', ['/a'], ['/ a']],
  ['^/(?!admin)', ['/public', '/'], ['/admin', '/administrator']],
  ['^/a\\b', ['/a', '/a/b', '/a-b'], ['/ab', '/aé']],
])('%s matches at the start of %j and not of %j', (pattern, matching, others) => {
  for (const text of matching) expect([text, answer(pattern, text)]).toEqual([text, 'match'])
  for (const text of others) expect([text, answer(pattern, text)]).toEqual([text, 'no-match'])
})

test.each([
  ['^/public/.*', 'linear'],
  ['(?i)^/(a|b)+\\b[^/]{2,40}$', 'linear'],
  ['(?P<name>a)*?', 'linear'],
  ['^/(?!admin)', 'bounded'],
  ['(a)\\1', 'bounded'],
  ['(?<=a)b', 'bounded'],
  ['(?>a)', 'bounded'],
  ['a*+', 'bounded'],
  ['(a)(?(1)b)', 'bounded'],
  ['a{5000}', 'bounded'],
])('%s runs on the %s engine', (pattern, engine) => {
  const compiled = compileRoutePattern(pattern)

  expect(compiled.engine).toBe(engine)
  expect(compiled.source).toBe(pattern)
})

test('what is too large for the linear engine is answered by the bounded one', () => {
  expect(answer('a{5000}$', 'a'.repeat(5_000))).toBe('match')
  expect(answer('a{5000}$', 'a'.repeat(5_001))).toBe('no-match')
})

test('a pattern beyond the limits refuses every path instead of letting a later route decide', () => {
  for (const pattern of ['a'.repeat(4_097), '('.repeat(101) + ')'.repeat(101), '\\N{SOLIDUS}']) {
    expect(answer(pattern, 'a')).toBe('budget')
  }
})

test('an invalid pattern throws, so that the route can be skipped', () => {
  expect(() => compileRoutePattern('^/[a')).toThrow(
    expect.objectContaining({ code: 'ROUTE_PATTERN_INVALID' }),
  )
})

test('hostile patterns on the longest paths answer in no time', () => {
  const paths = ['a'.repeat(15_360), `${'a'.repeat(15_359)}!`, 'ab'.repeat(7_680), '/a'.repeat(7_680)]
  const patterns = [
    '(a+)+$',
    '(a|aa)+$',
    '(a|a?)+$',
    '(.*a){20}',
    '(?:a|b)*a(?:a|b){300}c',
    '(?:.?){450}z',
    '(?:\\b\\w*\\b/?){100}z',
    '(a+)+\\1$',
    '(?=(a+)+$)',
    '(?!(a|aa)+$)b',
    '(?<=a{2000})|(?:.(?<!b{2000}))+$',
    '(.*)\\1\\1\\1$',
    '(?:(?:(?:a*)*)*)*(?=b)',
    '(?>(?:a|aa)+)(?>(?:a|aa)+)b',
    '((a)|(?(2)b|c))*+d',
  ]
  const startedAt = performance.now()

  for (const pattern of patterns) {
    const compiled = compileRoutePattern(pattern)
    for (const path of paths) {
      expect(['match', 'no-match', 'budget']).toContain(compiled.matchesStart(path))
    }
  }

  // NOTE: 60 matches of at most some milliseconds; the bound is wide for a machine that is busy.
  expect(performance.now() - startedAt).toBeLessThan(10_000)
})

test('the default budget is enough for look-aheads that read the longest path some times', () => {
  const path = `/${'a'.repeat(15_359)}`

  expect(answer('^(?!.*\\.\\.)(?!.*//)(?=.*a$)/[^/]*$', path)).toBe('match')
  expect(patternLimits.maxBoundedSteps).toBeGreaterThan(10 * path.length)
})
