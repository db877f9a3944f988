/**
 * The dialect against Python itself: every pattern here must be taken or refused, and must match or not, as the
 * `re` of the installed python3 says. Generated patterns come from fixed seeds, so a failure repeats.
 */
import { spawnSync } from 'node:child_process'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { realPart } from '../../../../test/support/real-parts.ts'
import { HarpError } from '../../../base/errors.ts'
import { matchBounded } from './bounded-matcher.ts'
import { compileBounded } from './bounded-program.ts'
import { parsePattern } from './parse.ts'
import { compileRoutePattern } from './route-pattern.ts'

// --- What Python says ---------------------------------------------------------------------------------------

/** For each line `[pattern, texts]`: one 0 or 1 for each text, `invalid`, or `slow` after a second. */
const oracle = `
import json, re, signal, sys, warnings
warnings.simplefilter('ignore')
class Slow(Exception): pass
def slow(*_): raise Slow()
signal.signal(signal.SIGALRM, slow)
for line in sys.stdin:
    pattern, texts = json.loads(line)
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, ValueError):
        print('"invalid"')
        continue
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        answer = [1 if compiled.match(text) else 0 for text in texts]
    except Slow:
        answer = 'slow'
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(json.dumps(answer))
`

type Case = readonly [pattern: string, texts: readonly string[]]
type Verdict = readonly number[] | 'invalid' | 'slow'

let knownVersion: readonly number[] | undefined

function pythonVersion(): readonly number[] {
  if (knownVersion !== undefined) return knownVersion
  const { stdout } = spawnSync('python3', ['-c', 'import sys; print(*sys.version_info[:3])'], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  knownVersion = (stdout ?? '').split(' ').map(Number)
  return knownVersion
}

function isAtLeast([major, minor, patch = 0]: readonly [number, number, number?]): boolean {
  const [hasMajor = 0, hasMinor = 0, hasPatch = 0] = pythonVersion()
  if (hasMajor !== major) return hasMajor > major
  return hasMinor === minor ? hasPatch >= patch : hasMinor > minor
}

/** Without what the versions of Python disagree about; see the header of route-pattern.ts. */
function undisputed(cases: readonly Case[]): readonly Case[] {
  // NOTE: before 3.11.5 Python goes wrong in possessive groups (python/cpython#106052).
  const hasBug = !isAtLeast([3, 11, 5])
  return cases.filter(
    ([pattern]) =>
      !/\(\?\([^)]*[+\s_]|\(\?\w*t/.test(pattern) && !(hasBug && /\)(?:[*+?]|\{[\d,]*\})\+/.test(pattern)),
  )
}

// NOTE: 3.14 gives `\B` and `\z` another meaning; see the header of route-pattern.ts.
const pythonTest = realPart('python3 of 3.11 to 3.13', () => isAtLeast([3, 11]) && !isAtLeast([3, 14]))

function askPython(cases: readonly Case[]): Verdict[] {
  const { stdout, stderr } = spawnSync('python3', ['-c', oracle], {
    input: cases.map((each) => `${asciiJson(each)}\n`).join(''),
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    timeout: 120_000,
  })
  const lines = stdout.trimEnd().split('\n')
  if (lines.length !== cases.length) throw new Error(`python3 stopped: ${stderr}`)
  return lines.map((line) => JSON.parse(line) as Verdict)
}

function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

// --- What we say --------------------------------------------------------------------------------------------

/** Where we and Python differ, in a form to read; a slow pattern and a budget that is used up say nothing. */
function differences(cases: readonly Case[], verdicts: readonly Verdict[]): string[] {
  const found: string[] = []
  for (const [index, [pattern, texts]] of cases.entries()) {
    const verdict = verdicts[index]
    const compiled = compileOrNull(pattern)
    if (verdict === undefined || verdict === 'slow') continue
    if (compiled === null || verdict === 'invalid') {
      if (compiled !== null) found.push(`${pattern} is refused by Python only`)
      if (verdict !== 'invalid') found.push(`${pattern} is refused by us only`)
      continue
    }
    // NOTE: regular patterns run on both engines here, and must agree with Python on both.
    const bounded = compileBounded(parsePattern(pattern))
    for (const [place, text] of texts.entries()) {
      const wanted = verdict[place] === 1 ? 'match' : 'no-match'
      for (const answer of [compiled.matchesStart(text), matchBounded(bounded, text, 20_000)]) {
        if (answer !== wanted && answer !== 'budget') {
          found.push(`${pattern} against ${JSON.stringify(text)}: Python ${wanted}, we ${answer}`)
        }
      }
    }
  }
  return found
}

function compileOrNull(pattern: string): ReturnType<typeof compileRoutePattern> | null {
  try {
    return compileRoutePattern(pattern)
  } catch (error) {
    if (error instanceof HarpError && error.code === 'ROUTE_PATTERN_INVALID') return null
    throw error
  }
}

// --- Patterns -----------------------------------------------------------------------------------------------

/** Two spaces or a line break apart. */
function listed(text: string): string[] {
  return text.trim().split(/ {2,}|\n\s*/)
}

const paths = listed(String.raw`
  /  //  a  public  /public  /PUBLIC  /Public/  /publicity  /public/  /public/css/main.css
  /public/js/app.min.js?  /a/public  /api  /api/  /api/v1  /api/v1/hello  /api/v1/hello/
  /api/v2/hello-world  /api/v10/x  /api/v1/a/b  /admin  /admin/  /admin/users/42  /administrator  /ADMIN
  /user/1  /user/007/edit  /user/٣  /user/x_y  /user/x-y  /user/é  /item/1234  /item/12345678
  /static/app.js  /static/app.js.map  /static/.js  /img/logo.png  /img/logo.PNG  /img/logo.jpeg  /ws  /ws/
  /ws/room-1  /s3/bucket/key%20with%20space  /a%2Fb  /%2e%2e/  /a b  /init  /heartbeat  /loadSources
  /query?x=1  /files/a.tar.gz  /files/a..b  /aa  /abab  /bb  /v1.0/x  /v1x0/x  /[x]  /{id}  /$  /^  /a+b
  /a.b  /a|b  /(a)  /é  /É  /ſ  /🙂  /🙂/x  /2024-01-31  /2024-1-31  /deadbeef  /DEADBEEF
  /3f2504e0-4f89-11d3-9a0c-0305e82c3301  /K  /k  aaaaaaaaaa  aaaaaaaaab  abcabc  /İ  /ı  /i  /ß  /ẞ  /SS
`).concat(
  '',
  '\n',
  '/\n',
  '/\n\n',
  '/public\n',
  '/public/\nx',
  '/api/v1/hello\n',
  '/a\tb',
  'ab\ncd',
  '/x\u00a0y',
  '/x\u001cy',
)

/** Routes as apps declare them, in every dialect of habit. */
const routes = listed(String.raw`
  .*  ^.*  .*$  ^.*$  ^  $  ^$  .  .+  ^/  ^/$  /  \/  ^\/$  ^\/.*$  /.*  /.+  ^/public  ^/public$
  ^/public/  ^/public/.*  ^/public/.*$  ^/public/?$  ^/public(/.*)?$  public  ^/public/.+  ^\/public\/.*
  ^/(public|static)/.*$  /public|/static  ^(/public|/api)$  public.*  ^/api/v1/[^/]+$  ^/api/v\d/.*
  ^/api/v\d+/[^/]+/?$  ^/api/v(1|2)/  ^/api(?:/v[12])?/  ^/api/(?:.*)  ^/api/[a-z0-9]+/[\w-]+$  ^/api/.{2}/h
  ^/api/v1/(hello|bye)$  ^/api/v1/hello\Z  \A/api  ^/api\b  ^/api\B  ^/api/v1/\w+  ^/api/v1/\w+$
  ^/api/v1/\W  ^/(?:api|admin)(?:/|$)  ^/(api|admin)(/.*)*$  ^/admin  ^/admin/?$  ^/admin/users/\d+$
  ^/admin(?:istrator)?$  (?i)^/admin  (?i:/ADMIN)  ^/(?i:admin)$  (?-i:/admin)  (?i)/(?-i:admin)
  (?i)^/public/  (?i)/[a-z]+$  (?i)/[^a-z]  (?i)/é  (?i)/[é]  (?i)/K$  (?i)/s$  (?i)/[k-l]$  (?i)/i$
  (?i)/[i]$  (?i)/ß$  (?i)/ss$  (?ai)/k$  (?ai)/é  (?a)/\w+$  (?a)/user/\d  ^/user/\d+$  ^/user/\d+/edit$
  ^/user/[0-9]+  ^/user/\w+$  ^/user/[\w-]+$  ^/user/[^\W\d]+$  ^/user/\S+$  ^/user/(?P<id>\d+)
  ^/user/(?P<id>[^/]+)/(?P<verb>\w+)$  ^/item/\d{4}$  ^/item/\d{1,4}$  ^/item/\d{5,}$  ^/item/\d{,4}$
  ^/item/\d{8}  ^/item/(?:\d{2}){2,4}$  ^/item/\d{0}1  ^/item/\d*?$  ^/item/\d+?2  /item/\d??2  .*\.js$
  .*\.(js|map)$  ^/static/[^.]+\.js$  ^/static/.*(?<!\.map)$  ^/img/.+\.(png|jpe?g)$  (?i).*\.png$
  ^/img/(?!.*\.jpeg).*  ^/(?!admin).*  ^(?!/admin|/api).*$  ^/(?!api/v1(?:/|$))  (?!.*\.\.).*
  ^(?=/public).*s$  ^/(?=.*js)(?=.*app)  ^(?!.*\d).*$  (?=.{5})(?!.{9})  (?!)  (?=)  (?=/(?!p))/.
  (?!(?!/public))  ^(?!/$)(?!$)  (?<=x)  /(?<=/)a  .*(?<=/)$  .*(?<!/)$  .*(?<=\d\d)$  /(?<!a)b  /x(?<=\s)y
  .+(?<=(?:ab|cd))$  .*(?<=^/.)  .*(?<=[^/]/)\w  .*(?<![a-z])$  /(?<=(?=/).)p  .*(?<=(a))\1  (.)(?<=\1)p
  /(a|b)(?<=b)  .*(?<!^)/\w+$  ^/ws(?:/|$)  ^/ws/?.*  ^/ws/room-\d$  ^/s3/([^/]+)/(.*)$  ^/a%2[fF]b$  ^/%2e
  /%2[eE]%2[eE]  ^/a b  ^/a\ b  /a\sb  /a[\s]b  /a\tb  /a[\t]b  /x\sy  /x[\s]y  /x\Sy  (?a)/x\sy  /x[^\S]y
  /x\x1cy  /x\u00a0y  /x\xa0y  ^/init|/heartbeat  ^/(init|heartbeat|loadSources)$  ^/query\?x=\d
  ^/files/\w+\.tar\.gz$  ^/files/[\w.]+$  (?s)/.*  (?s)/.*\Z  (?s:.)+$  (?m)^/public$  (?m).*$\n?^x
  (?m)\n^$  (?m)^$  (?m:^a)  (?ms).*^x  /\n  [\n/]  ^/v1\.0/  ^/v1.0/  /v\d\.\d  /\[x\]  /[[]x  /\{id\}
  /{id}  /{  /}  /\$  /[$]  /\^  /[\^]  /[a^]  /a\+b  /a[+]b  /a\.b  /a[.]b  /a\|b  /a[|]b  /\(a\)  /[(]a[)]
  /[]x]  /[^]x]  /[a-]  /[-a]  /[a\-z]b  /[+--]  ^/\d{4}-\d{2}-\d{2}$  ^/[0-9a-f]{8}$
  ^/[0-9a-fA-F]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$  (?i)^/[0-9a-f]{8}\b  /\141  /\x61  /\u0061  /\U00000061
  /[\141]  /[\x61-\x63]  /\U0001F642  /[🙂]  /[😀-🙏]  /🙂+/x  /.{1}/x  \0  \07  (a)(b)?\1  /(a)\1
  /(a|b)\1$  /(?P<x>.)(?P=x)  /(ab)\1  /(\w)(\w)\1\2  (a+)\1$  (a*)b\1  (a)|b\1  (?i)/(.)\1  (a)?\1
  (?:(a)|b)*\1  (a(?=b))\1?b  ((a)b)+\2  (\w+)\1  (?:(\w)\1?)+$  (abc)\1$  ()\1/  (a)(?(1)a|b)
  (/)?(?(1)p|a)  (?P<s>/)?(?(s)[^/]+$|x)  (?(1)x|/)(a)?  (?:(/a)|/)(?(1)b|p)  (a)?(?(1)|b)  (?(1)a)()
  (?>a+)b  (?>a+)a  (?>/a|/ab)c  /(?>public|p)ity  (?>.*)/  (?>(a)|b)\1?  a*+b  a*+a  /[^/]*+$  /[^/]++/
  .*+x  a?+a  a{2,3}+b  a{2}+  (?:ab)*+c  (?:a|ab)++c  (?:/\w+)*+$  (?:/\w+)++/  (ab)*+\1  a*?b  .*?/  .+?$
  a{2,}?  (?:a?)*?b  (?:a*)*  (?:a*)+  (?:a*)*b  (a?){3}  (?:|a)+  (?:a|)+$  (?:)*  (?:){3}  ()*  (?:^)*a
  (?:\b)*a  (?:$)?  (?:a{2}){3}  (?:a{1,2}){1,3}b  (?:a{0,3}){0,3}$  (?:[ab]{2,3}c?)+$  a{,}  a{1,}  a{0}
  a{0,0}b  a{}  a{x}  a{1  a{,  a{1,x}  (?x) / public # here  (?x)/ [ ] a  (?x)(?#c) / a  (?x: / a ) b?
  /(?#c)a  /a(?#c)*  (?x)a {2}  (?x)a { 2 }  (?-x:/ a)  (?u)/é  (?u:\w)  (?a:\w)  (?a)(?:\w|/)+$
  (?a)/(?u:\w)$  (?im)^/PUBLIC$  (?i)(?m)^/x  (?#c)(?i)/PUBLIC  (?is-m:/.)  (?i-s:/P)  \/é  \é  /\-  /\_  \b
  \B  \b/  \B/  /\b  /\B  /\bpublic\b  /public\b/  /é\b  (?a)/é\b  (?a)/\b  \Aa  a\Z  \Z  \A\Z  (?m)\Aa|^c
  ^^^/  /$$  $\n  \n$
`).concat('', '(?x)/\\ ', '(?x)/a|# x\n/b')

/** What Python refuses, and what one might think it refuses. */
const refused = listed(String.raw`
  (  )  [  ]  []  [^]  [a  [a-  [z-a]  [\d-z]  [a-\w]  *  +a  ?  |*  (*)  (?:*)  ^*  $+  \b?  \A{2}  (^)*
  (?=a)*  (?:^)+  a**  a+*  a++  a+++  a*??  a???  a{1}{2}  a{1}*  a{1}?  a{1}??  a{1}+  a{1}++  a{2,1}
  a{99999999999}  a{4294967294}  a{4294967295}  {  {1}  }  a{1}b{  (a**)  \  a\  \y  \q  \E  \c  \p{L}  \h
  \z  \G  \Q  \x  \xg1  \x1  \u  \u123  \U0000  \U00110000  \N  \N{  \8  \9  \1  \10  \100  \378  \400  \777
  [\y]  [\A]  [\B]  [\Z]  [\b]  [\1]  [\8]  [\377]  [\400]  [\x4]  [\N]  [[:alpha:]]  [a&&b]  [a||b]  [a--b]
  [\]]  [^^]  [a-b-c]  [--a]  [a-a]  (?  (?:  (?:a  (?P  (?P<  (?P<a  (?P<a>  (?P<>x)  (?P<1>x)  (?P<a b>x)
  (?P<a-b>x)  (?P<é>x)  (?P<a>x)(?P<a>y)  (?P=  (?P=a)  (?P=a  (?P>a)  (?P<a>(?P=a))  (?P<a>.)(?P=a)
  (?P<a>.)(?P=b)  (?<a>x)  (?<  (?<a  (?'a'x)  (?&a)  (?R)  (?1)  (?+1)  (?|a|b)  (?~a)  (?^a)  (?)  (?#
  (?#a  (?#\)  (?#a)b  (?=  (?!  (?<=  (?<!  (?>  (?=a  (?<=a*)  (?<=a+)b  (?<!a?)  (?<=a|b)  (?<=a|bc)
  (?<=a{2})  (?<=a{1,2})  (?<=(a))  (?<=(a)\1)  (?<=(?:a|b)c)  (?<=(a)(?(1)b|c))  (a)(?<=\1)  (a+)(?<=\1)
  (a)(?<=(?(1)b|c))  (a)(?<=(?(1)b|cd))  (?<=^)  (?<=\b)  (?<=(?=a*))  (?<=a*?)  (?<=(?>a|b))  (?<=a{0})  /x(?<=\s?)y
  (?(  (?(1  (?(1)  (?(1)a  (?(1)a)  (?(1)a|b)  (?(1)a|b|c)  (a)(?(1)a|b|c)  (?(0)a)  (?(a)b)  (?()a)
  (?(-1)a)  (?(1a)b)  (?(2)a)(b)  (?(2)a)(b)(c)  (?(?=a)b)  (a)(?(1))  (a)(?(1)|)  (a)(?(01)b)  (a(?(1)b))
  (?P<a>x)(?(a)y|z)  (?(99999999999)a)  (?i  (?i)  (?i:  (?i:a  a(?i)  (?:(?i))  ((?i)a)  |(?i)  a|(?i)b
  (?i)|a  (?i)(?s)a  (?:)(?i)  (?#x)(?i)a  (?x) (?i)a  (?i-)  (?i-:a)  (?-i:a)  (?-i)a  (?-)  (?--i:a)
  (?i-i:a)  (?ii:a)  (?i-s-m:a)  (?z)  (?iz)  (?i-z:a)  (?é)  (?i!)  (?L)  (?L:a)  (?-L:a)  (?a)  (?u)
  (?au)  (?a)(?u)  (?u)(?a)  (?a:(?u:\w))  (?au:a)  (?-a:a)  (?-u:a)  (?a-i:a)  (?I)  (?X)  (?S:a)
  (?aiLmsux)  (?imsx)a  (?msx-i:a)  (?x)(  (?x)#(  (?x)a#\  (?x)( ?:a)  (?x)(? :a)  (?x)(?P <a>b)  (?x)a + +
  (?x)a +  (?x)a{1, 2}  (?x)[a b  (?x)\  (a|b  a|b)  (a))  ((a)  (?:a))  (((((((((())))))))))\10
  (()()()()()()()()()())\11  (a)\01  (a)\1\2
`).concat(' (?x)a', '(?x)#)\n)', '(?x)a#\\\nb', '(?x)\\ ')

// --- Generated patterns -------------------------------------------------------------------------------------

type Random = (below: number) => number

function seeded(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[random(items.length)]!
}

const literals = Array.from('abababab//-AB1_. éſkÉ{}]🙂#').concat(
  '\\.',
  '\\/',
  '\\n',
  '\\x61',
  '\\u0062',
  '\\141',
)
const classEscapes = ['\\d', '\\w', '\\s', '\\D', '\\W', '\\S', '\\0', '\\U0001F642', '\\-', '\\é']
const assertions = ['^', '$', '\\b', '\\B', '\\A', '\\Z']
const quantifiers = ['*', '*', '+', '+', '?', '?', '{2}', '{1,2}', '{,2}', '{1,}', '{0}', '{0,1}']
const classMembers = [
  'a',
  'b',
  '/',
  '-',
  '.',
  'é',
  'k',
  '_',
  '[',
  '^',
  'a-c',
  'A-Z',
  '0-9',
  '!-/',
  'é-ſ',
  '🙂-🙄',
]
  .concat(classEscapes.slice(0, 6))
  .concat('\\b', '\\n', '\\x41-\\x5a')
const scopedFlags = ['i', '-i', 'm', 's', 'x', 'a', 'i-s', '-m', 'u', 'ai']
const patternFlags = ['i', 'm', 's', 'x', 'a', 'ai', 'ms', 'im', 'u', 'is']
const textPieces = Array.from('ababababab/-AB1_. \néÉsſKkc🙂')
const noisePieces = Array.from('()[]{}*+?|\\^$P<=!:12,-#abix').concat('(?')

/** Patterns of every construct; mostly valid, since references count the groups before them. */
class Grammar {
  readonly #random: Random
  readonly #isRegular: boolean
  #groups = 0

  constructor(random: Random, isRegular: boolean) {
    this.#random = random
    this.#isRegular = isRegular
  }

  pattern(): string {
    const flags = this.#random(5) === 0 ? `(?${pick(this.#random, patternFlags)})` : ''
    return flags + this.#branch(3)
  }

  #branch(depth: number): string {
    let text = this.#sequence(depth)
    while (this.#random(4) === 0) text += `|${this.#sequence(depth)}`
    return text
  }

  #sequence(depth: number): string {
    return Array.from({ length: this.#random(4) }, () => this.#term(depth)).join('')
  }

  #term(depth: number): string {
    const random = this.#random
    const choice = random(20)
    if (choice === 0) return pick(random, assertions)
    const atom = this.#atom(choice, depth)
    if (random(5) > 1) return atom
    const mode = random(3) === 0 ? pick(random, this.#isRegular ? ['?'] : ['?', '?', '+']) : ''
    return atom + pick(random, quantifiers) + mode
  }

  #atom(choice: number, depth: number): string {
    if (choice < 9 || depth <= 0) return pick(this.#random, literals)
    if (choice < 11) return pick(this.#random, classEscapes)
    if (choice < 12) return '.'
    return choice < 14 ? this.#class() : this.#group(depth - 1)
  }

  #class(): string {
    const random = this.#random
    const members = Array.from({ length: 1 + random(3) }, () => pick(random, classMembers))
    const first = (random(4) === 0 ? '^' : '') + (random(10) === 0 ? ']' : '')
    return `[${first}${members.join('')}${random(8) === 0 ? '-' : ''}]`
  }

  #group(depth: number): string {
    const random = this.#random
    const choice = random(this.#isRegular ? 8 : 18)
    switch (choice) {
      case 3:
      case 4:
      case 5:
        return `(?:${this.#branch(depth)})`
      case 6:
        return `(?${pick(random, scopedFlags)}:${this.#branch(depth)})`
      case 7:
        this.#groups += 1
        return `(?P<g${this.#groups}>${this.#branch(depth)})`
      case 8:
        return `(?=${this.#branch(depth)})`
      case 9:
        return `(?!${this.#branch(depth)})`
      case 10:
        return `(?<=${this.#branch(Math.min(depth, 1))})`
      case 11:
        return `(?<!${pick(random, literals)}${pick(random, ['', ...classEscapes])})`
      case 12:
        return `(?>${this.#branch(depth)})`
      case 13:
      case 14:
        return this.#groups === 0 ? 'a' : `\\${1 + random(this.#groups)}`
      case 15:
      case 16: {
        const otherwise = random(3) === 0 ? '' : `|${this.#sequence(depth)}`
        return `(?(${1 + random(this.#groups + 1)})${this.#sequence(depth)}${otherwise})`
      }
      case 17:
        return this.#groups === 0 ? '(?#c)' : `(?P=g${1 + random(this.#groups)})`
      default:
        this.#groups += 1
        return `(${this.#branch(depth)})`
    }
  }
}

function generatedText(random: Random): string {
  return Array.from({ length: random(9) }, () => pick(random, textPieces)).join('')
}

/** Breaks a pattern in one or two places. */
function broken(random: Random, pattern: string): string {
  const characters = Array.from(pattern)
  for (let left = 1 + random(2); left > 0; left -= 1) {
    const place = random(characters.length + 1)
    if (random(2) === 0) characters.splice(place, 0, pick(random, noisePieces))
    else characters.splice(place, 1)
  }
  return characters.join('')
}

function generatedCase(seed: number): Case {
  const random = seeded(seed)
  const pattern = new Grammar(random, random(3) === 0).pattern()
  const texts = Array.from({ length: 8 }, () => generatedText(random))
  return [random(4) === 0 ? broken(random, pattern) : pattern, texts]
}

// --- Tests --------------------------------------------------------------------------------------------------

pythonTest('routes as apps declare them match the paths that Python matches', () => {
  const cases = undisputed(routes.map((pattern) => [pattern, paths]))

  const verdicts = askPython(cases)

  expect(cases.length).toBeGreaterThan(300)
  expect(verdicts.filter((verdict) => typeof verdict === 'string')).toEqual([])
  expect(differences(cases, verdicts)).toEqual([])
})

pythonTest('what Python refuses is refused, and what looks as if it would be is not', () => {
  const cases = undisputed(refused.map((pattern) => [pattern, paths]))

  const verdicts = askPython(cases)

  expect(verdicts.filter((verdict) => verdict === 'invalid').length).toBeGreaterThan(100)
  expect(verdicts.filter((verdict) => verdict !== 'invalid').length).toBeGreaterThan(50)
  expect(differences(cases, verdicts)).toEqual([])
})

pythonTest(
  'generated patterns are taken and matched as Python does',
  () => {
    const cases = undisputed(Array.from({ length: 6_000 }, (_, seed) => generatedCase(seed)))

    const verdicts = askPython(cases)

    expect(verdicts.flat().filter((each) => each === 1).length).toBeGreaterThan(5_000)
    expect(differences(cases, verdicts)).toEqual([])
  },
  120_000,
)

test('both engines give the same answer wherever both can', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const random = seeded(seed)
      const pattern = new Grammar(random, true).pattern()
      const compiled = compileOrNull(pattern)
      if (compiled === null) return
      const bounded = compileBounded(parsePattern(pattern))
      for (let count = 0; count < 8; count += 1) {
        const text = generatedText(random)
        const linear = compiled.matchesStart(text)
        const backtracked = matchBounded(bounded, text, 20_000)
        const other = backtracked === 'budget' ? linear : backtracked
        expect([compiled.engine, pattern, text, linear]).toEqual(['linear', pattern, text, other])
      }
    }),
    { numRuns: 2_000 },
  )
})

test('a budget that is too small never changes an answer', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(60), (seed, budget) => {
      const [pattern, texts] = generatedCase(seed)
      if (compileOrNull(pattern) === null) return
      const bounded = compileBounded(parsePattern(pattern))
      for (const text of texts) {
        const answer = matchBounded(bounded, text, budget)
        const wanted = answer === 'budget' ? answer : matchBounded(bounded, text, 20_000)
        expect([pattern, text, answer]).toEqual([pattern, text, wanted])
      }
    }),
    { numRuns: 2_000 },
  )
})

test('whatever the pattern and the path, there is an answer or a HarpError, and soon', () => {
  const garbage = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...noisePieces, ...quantifiers, ...classEscapes), maxLength: 40 }),
    fc.nat().map((seed) => generatedCase(seed)[0]),
    fc.nat().map((seed) => broken(seeded(seed), generatedCase(seed)[0].repeat(5))),
  )
  const path = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc
      .tuple(fc.constantFrom('a', 'ab', '/a', '🙂', '\ud83d'), fc.nat(2_000))
      .map(([unit, count]) => unit.repeat(count)),
  )

  fc.assert(
    fc.property(garbage, path, (pattern, text) => {
      const compiled = compileOrNull(pattern)
      if (compiled === null) return
      expect(['match', 'no-match', 'budget']).toContain(compiled.matchesStart(text))
    }),
    { numRuns: 3_000 },
  )
})
