/** Bodies and chunked framing, regular and hostile; the bodies look like framing where it could confuse a parser. */
import type { SeededRandom } from './random.ts'
import { lineEnds } from './wire-grammar.ts'

export const bodies = [
  'hello',
  'GET /x HTTP/1.1\r\nHost: a\r\n\r\n',
  '0\r\n\r\n',
  '\r\n\r\n',
  '5\r\nhello\r\n0\r\n\r\n',
  '\0\xff\r',
  'x'.repeat(300),
]

const chunkSizes = [
  '+5',
  '-5',
  '0x5',
  '5_0',
  ' 5',
  '\t5',
  '5 ',
  '5\t',
  '05',
  '0000000005',
  '00000000000005',
  '000000000000000000005',
  'ffffffffffffffff',
  '10000000000000005',
  '100000005',
  '8000000000000005',
  '',
  'g',
  '5g',
  '5;',
  '5;a',
  '5;a=b',
  '5;a="b"',
  '5;a="b\\"c"',
  '5; a=b',
  '5 ;a',
  '5;a =b',
  '5;a= b',
  '5;=b',
  '5;a=',
  '5;a="',
  '5;a=""',
  '5;a=b;c',
  '5;a=b;c="d";e=f',
  '5;a\nX',
  '5;\n',
  '5;a\n\n',
  '5\n\n',
  '5;a\rX',
  '5;a="\r\n"',
  '5;a="\n"',
  '5;a\0',
  '5;\xff',
  '5;a="\xff"',
  '5;a=\xff',
  '5;a="\t"',
  '5;a="\\\x80"',
  '5;;',
  '5;a;',
  '5,a',
  '5\x0b',
  '5\r',
  '5.0',
  '5;a=b c',
  '5;a="b"c',
  '5;a=b"c"',
  '5;a\t',
  '5;a ',
  '5;a="b" ',
  '5;a="b";',
  '5\n',
  '5;a="b\\',
  '5;a="\\"',
  '5;a=b=c',
  '5;"a"=b',
]

const trailerLines = [
  'X-Sum: abc',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'Host: b',
  'Connection: close',
  'X : a',
  ' X: a',
  'X: a\r\n b',
  'X',
  'X: a\0',
  'X: a\rb',
  'X: a\nY: b',
  ':',
  ': a',
  'X:',
  'X:\xe9',
  'Cookie: a=b',
  'Trailer: X',
  'Upgrade: h2c',
  'Expect: 100-continue',
  'TE: trailers',
  'Authorization: Basic eA==',
]

export function chunkedBody(random: SeededRandom, odd: number): string {
  const eol = (): string => random.mostly('\r\n', lineEnds, odd)
  let text = ''
  for (let count = random.below(3); count > 0; count--) {
    const data = random.pick(bodies)
    const regular = data.length.toString(16)
    const size = random.mostly(regular, chunkSizes, odd * 2)
    // Sizes in the table are for five bytes.
    text += size + eol() + (size === regular ? data : 'hello') + eol()
  }
  text += random.mostly('0', ['00', '0000', '0;a', '-0', '0x0', '', ' 0', '0 ', '0;a=b', '+0'], odd) + eol()
  while (random.chance(15 + odd)) text += random.mostly('X-Sum: abc', trailerLines, odd * 3 + 10) + eol()
  return text + eol()
}
