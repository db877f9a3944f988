/** Seeded upstream streams: interim responses, a final one and what may follow it, hostile in a few places. */
import type { SeededRandom } from './random.ts'
import { bodies, chunkedBody } from './body-grammar.ts'
import { codings, connectionValues, lengths, lineEnds, names, withByteNoise } from './wire-grammar.ts'

const statuses = [
  '100',
  '101',
  '102',
  '103',
  '199',
  '201',
  '204',
  '206',
  '301',
  '304',
  '404',
  '500',
  '600',
  '999',
  '099',
  '000',
  '20',
  '2000',
  '2x0',
  '+20',
  ' 200',
  '200\t',
  '',
  '-1',
]
const versions = [
  'HTTP/1.0',
  'HTTP/0.9',
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/1.01',
  'http/1.1',
  'HTTP/1.1 ',
  ' HTTP/1.1',
  '',
  'ICY',
  'HTTP/1',
  'HTTP/1.x',
  'RTSP/1.0',
]
const reasons = [
  '',
  ' ',
  ' OK',
  ' Not Found',
  ' \xe9',
  ' a\tb',
  ' a\0b',
  ' a\rb',
  ' a\nb',
  'OK',
  '  two',
  ' \x7f',
  ' \x0b',
  '\tOK',
]
const leads = ['\r\n', '\n', '\r', ' ', '\r\n\r\n', 'x']

export function responseStream(random: SeededRandom): string {
  const odd = random.pick([0, 1, 3, 6])
  let text = ''
  while (random.chance(15)) text += response(random, odd, random.pick(['100', '102', '103']))
  text += response(
    random,
    odd,
    random.mostly(random.pick(['200', '200', '204', '304', '404']), statuses, odd * 2),
  )
  if (random.chance(20)) text += response(random, odd, '200')
  if (random.chance(15)) text = withByteNoise(random, text)
  if (random.chance(10)) text = text.slice(0, random.below(text.length + 1))
  return text
}

function response(random: SeededRandom, odd: number, status: string): string {
  const eol = (): string => random.mostly('\r\n', lineEnds, odd)
  const start = `${random.mostly('HTTP/1.1', versions, odd * 2)}${random.mostly(' ', ['  ', '\t', ''], odd)}${status}${random.mostly(' OK', reasons, odd * 3)}`
  const { fields, body } = framed(random, odd, status)
  if (random.chance(30)) fields.unshift('Date: Sat, 21 Nov 2026 10:00:00 GMT')
  if (random.chance(10 + odd)) fields.push(`Connection: ${random.pick(connectionValues)}`)
  if (random.chance(odd)) fields.push(`${random.pick(names)}: ${random.pick([...lengths, ...codings])}`)
  if (random.chance(5)) fields.push('Upgrade: websocket')
  if (random.chance(5)) fields.push('Keep-Alive: timeout=5')
  if (random.chance(odd)) fields.reverse()
  const lead = random.mostly('', leads, odd)
  return `${lead}${start}${eol()}${fields.map((each) => each + eol()).join('')}${eol()}${body}`
}

function framed(random: SeededRandom, odd: number, status: string): { fields: string[]; body: string } {
  const body = random.pick(bodies)
  const length = `${random.mostly('Content-Length', names, odd)}: ${random.mostly(String(body.length), lengths, odd * 3)}`
  const coding = `${random.mostly('Transfer-Encoding', names, odd)}: ${random.mostly('chunked', codings, odd * 3)}`
  const bodiless = /^(?:1..|204|304)$/.test(status) && !random.chance(odd * 3)
  switch (random.below(odd === 0 ? 4 : 6)) {
    case 0:
      return { fields: [], body: bodiless ? '' : body }
    case 1:
      return bodiless ? { fields: [], body: '' } : { fields: ['Content-Length: 0'], body: '' }
    case 2:
      return bodiless ? { fields: [], body: '' } : { fields: [length], body }
    case 3:
      return bodiless ? { fields: [], body: '' } : { fields: [coding], body: chunkedBody(random, odd) }
    case 4:
      return { fields: [length, coding], body: random.chance(50) ? body : chunkedBody(random, odd) }
    default:
      return { fields: random.chance(50) ? [length, length] : [coding, coding], body }
  }
}
