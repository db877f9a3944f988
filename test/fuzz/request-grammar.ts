/** Seeded request streams: one to three pipelined requests, hostile in a few places. */
import type { SeededRandom } from './random.ts'
import { bodies, chunkedBody } from './body-grammar.ts'
import { codings, connectionValues, lengths, lineEnds, names, withByteNoise } from './wire-grammar.ts'

const methods = [
  'get',
  'FOO',
  'M-SEARCH',
  'PROPFIND',
  'QUERY',
  'CONNECT',
  'PRI',
  'SOURCE',
  'G ET',
  'G\tT',
  '',
  'GET\x0b',
  'GET:',
  '\xc7ET',
  'OPTIONS',
  'HEAD',
]
const targets = [
  '/a?b=c',
  '/a#b',
  '*',
  'http://b/',
  'http://b',
  'HTTP://b:80/x?y',
  'http://b?q',
  'http://u@b/',
  'http:///x',
  'https://b/x',
  '//b/x',
  'a',
  '',
  '/\xe9',
  '/\x7f',
  '/\t',
  '/ b',
  '/\0',
  '/a\\b',
  '/%00',
  'ftp://b/',
  'b:443',
  'http://b#f',
  '/"<>^`{|}',
  'http://b:x/',
  'http://[::1]/',
  '/a\rb',
  '/a\x0bb',
]
const versions = [
  'HTTP/1.0',
  'HTTP/0.9',
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/1.01',
  'HTTP/01.1',
  'http/1.1',
  'HTTP/1,1',
  'HTTP/1.1 ',
  'HTTP /1.1',
  '',
  'HTTP/11',
  'HTTP/1.',
  'HTTP/ 1.1',
  'RTSP/1.0',
  'ICE/1.0',
  'HTTP/1.1x',
  'HTTP/-1.1',
]
const blanks = ['  ', '\t', '', '\x0b', '\x0c', '\r', '\n']
const leads = ['\r\n', '\r\n\r\n', '\n', '\r', ' ', '\r\n\n', '\r\n ', '\0', '\n\r\n']
const hosts = [
  '',
  'a b',
  'a/b',
  'a@b',
  'a,b',
  'a:80',
  'a:80:90',
  '[::1]',
  '[::1',
  'a\0',
  'a\t',
  'a:',
  ':80',
  '\xe9',
]
const expectations = [
  '100-continue',
  '100-Continue',
  '100-continue, x',
  'y 100-continue',
  '100',
  '',
  '100-continue\x0b',
  '"100-continue"',
  ' 100-continue',
]

export function requestStream(random: SeededRandom): string {
  const odd = random.pick([0, 1, 3, 6])
  let text = ''
  for (let count = 1 + random.below(3); count > 0; count--) text += request(random, odd)
  if (random.chance(15)) text = withByteNoise(random, text)
  if (random.chance(10)) text = text.slice(0, random.below(text.length + 1))
  return text
}

function request(random: SeededRandom, odd: number): string {
  const eol = (): string => random.mostly('\r\n', lineEnds, odd)
  const blank = (): string => random.mostly(' ', blanks, odd)
  const method = random.mostly(random.pick(['GET', 'POST', 'PUT', 'DELETE']), methods, odd * 2)
  const start =
    method +
    blank() +
    random.mostly('/', targets, odd * 2) +
    blank() +
    random.mostly('HTTP/1.1', versions, odd)
  const { fields, body } = framed(random, odd)
  if (!random.chance(odd)) fields.unshift(`Host:${blank()}${random.mostly('a', hosts, odd)}`)
  if (random.chance(odd)) fields.push('Host: b')
  if (random.chance(10 + odd)) fields.push(`Connection: ${random.pick(connectionValues)}`)
  if (random.chance(5 + odd)) fields.push(`Expect: ${random.pick(expectations)}`)
  if (random.chance(5)) fields.push('Upgrade: websocket')
  if (random.chance(odd)) fields.push(`${random.pick(names)}: ${random.pick([...lengths, ...codings])}`)
  if (random.chance(odd) && fields.length > 0) fields.push(random.pick(fields))
  if (random.chance(odd)) fields.reverse()
  const lead = random.mostly('', leads, odd)
  return `${lead}${start}${eol()}${fields.map((each) => each + eol()).join('')}${eol()}${body}`
}

function framed(random: SeededRandom, odd: number): { fields: string[]; body: string } {
  const body = random.pick(bodies)
  const lengthName = random.mostly('Content-Length', names, odd)
  const codingName = random.mostly('Transfer-Encoding', names, odd)
  const length = `${lengthName}: ${random.mostly(String(body.length), lengths, odd * 3)}`
  const coding = `${codingName}: ${random.mostly('chunked', codings, odd * 3)}`
  switch (random.below(odd === 0 ? 3 : 5)) {
    case 0:
      return { fields: [], body: '' }
    case 1:
      return { fields: [length], body }
    case 2:
      return { fields: [coding], body: chunkedBody(random, odd) }
    case 3:
      return { fields: [length, coding], body: random.chance(50) ? body : chunkedBody(random, odd) }
    default:
      return { fields: random.chance(50) ? [length, length] : [coding, coding], body }
  }
}
