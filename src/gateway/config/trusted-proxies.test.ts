import { expect, test } from 'vitest'
import { formatNetwork } from '../../net/address.ts'
import { SettingsReader } from './settings-reader.ts'
import { readTrustedProxies } from './trusted-proxies.ts'

function read(text: string): { readonly networks: readonly string[]; readonly problems: readonly string[] } {
  const reader = new SettingsReader({ HP_TRUSTED_PROXY_IPS: text })
  const networks = readTrustedProxies(reader).map(formatNetwork)
  return {
    networks,
    problems: reader.problems.map((each) => `${each.severity} ${each.value}: ${each.message}`),
  }
}

test('row 79: quotes go, host bits are masked, what is wrong is ignored, each with a warning', () => {
  const { networks, problems } = read('"192.168.100.20/24", bad, ::1')

  expect(networks).toEqual(['192.168.100.0/24', '::1/128'])
  expect(problems).toEqual([
    'warning 192.168.100.20/24: has host bits set in one entry: 192.168.100.0/24 is trusted',
    'warning bad: has an entry that is no IP address or network: it is ignored',
  ])
})

test.each([
  ['', []],
  ['10.0.0.1', ['10.0.0.1/32']],
  [' 10.0.0.0/8 ,, 2001:db8::/32,', ['10.0.0.0/8', '2001:db8::/32']],
  ["'\u201c10.0.0.1\u201d'", ['10.0.0.1/32']],
  ['"\'10.0.0.1', ['10.0.0.1/32']],
  ['\u201810.0.0.1\u2019', ['10.0.0.1/32']],
  ['10.0.0.0/255.0.0.0', ['10.0.0.0/8']],
  ['10.0.0.0/0.255.255.255', ['10.0.0.0/8']],
  ['10.0.0.1/255.255.255.255', ['10.0.0.1/32']],
  ['::ffff:10.0.0.0/104', ['10.0.0.0/8']],
])('%j trusts %j without a word', (text, expected) => {
  expect(read(text)).toEqual({ networks: expected, problems: [] })
})

test.each(['10.0.0.0/33', '::/129', '10.0.0', '10.0.0.0/255.0.255.0', 'proxy.local', '10.0.0.1:80', '1/2/3'])(
  '%s alone trusts nobody and says so, but never stops the start',
  (text) => {
    const { networks, problems } = read(text)

    expect(networks).toEqual([])
    expect(problems).toEqual([
      `warning ${text}: has an entry that is no IP address or network: it is ignored`,
      `warning ${text}: has no usable entry: client addresses are not taken from headers`,
    ])
  },
)

test('a list of nothing but commas and quotes says that headers are not used', () => {
  expect(read(' , "" ,').problems).toEqual([
    'warning  , "" ,: has no usable entry: client addresses are not taken from headers',
  ])
})

test('at most five warnings of each kind', () => {
  const wrong = Array.from({ length: 40 }, (_, index) => `bad${index}`)
  const hostBits = Array.from({ length: 40 }, (_, index) => `10.0.${index}.1/24`)

  const { networks, problems } = read([...wrong, ...hostBits].join(','))

  expect(networks).toHaveLength(40)
  expect(problems.filter((each) => each.includes('no IP address'))).toHaveLength(5)
  expect(problems.filter((each) => each.includes('host bits'))).toHaveLength(5)
})

test.each(['0.0.0.0/0', '::/0'])('trusting %s is possible and loudly doubted', (text) => {
  const { networks, problems } = read(text)

  expect(networks).toEqual([text])
  expect(problems).toEqual([expect.stringContaining('trusts every address')])
})
