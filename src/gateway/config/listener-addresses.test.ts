import { expect, test } from 'vitest'
import { formatHostPort } from '../../net/address.ts'
import { readListeners } from './listener-addresses.ts'
import { SettingsReader } from './settings-reader.ts'

function read(
  env: Record<string, string>,
  hasCertificate = false,
): { readonly addresses: Record<string, string>; readonly problems: readonly string[] } {
  const reader = new SettingsReader(env)
  const files = {
    readFile: () => undefined,
    exists: (path: string) => hasCertificate && path === '/c/cert.pem',
  }
  const listen = readListeners(reader, files, '/c')
  return {
    addresses: {
      http: formatHostPort(listen.http),
      https: formatHostPort(listen.https),
      frp: formatHostPort(listen.frp),
      admin: listen.admin === null ? 'off' : formatHostPort(listen.admin),
    },
    problems: reader.problems.map((each) => `${each.severity} ${each.name}: ${each.message}`),
  }
}

const addressSettings = [
  ['HP_EXAPPS_ADDRESS', 'http'],
  ['HP_EXAPPS_HTTPS_ADDRESS', 'https'],
  ['HP_FRP_ADDRESS', 'frp'],
  ['HARP_ADMIN_ADDRESS', 'admin'],
] as const

const writings = [
  ['127.0.0.1:9999', '127.0.0.1:9999'],
  ['"127.0.0.1:9999"', '127.0.0.1:9999'],
  [':9999', '0.0.0.0:9999'],
  ['*:9999', '0.0.0.0:9999'],
  ['[::]:9999', '[::]:9999'],
  [':::9999', '[::]:9999'],
  ['::1:9999', '[::1]:9999'],
  ['[2001:DB8::1]:9999', '[2001:db8::1]:9999'],
  ['localhost:9999', 'localhost:9999'],
  ['gateway-1.example.com:9999', 'gateway-1.example.com:9999'],
  ['127.0.0.1:0', '127.0.0.1:0'],
] as const

test.each(
  addressSettings.flatMap(([name, listener]) => writings.map((each) => [name, ...each, listener] as const)),
)('%s=%s listens on %s', (name, given, effective, listener) => {
  const { addresses, problems } = read({ [name]: given })

  expect(problems).toEqual([])
  expect(addresses[listener]).toBe(effective)
})

const wrongWritings = [
  '8780',
  'localhost',
  '127.0.0.1:',
  '127.0.0.1:65536',
  '127.0.0.1:http',
  '999.0.0.1:80',
  '1.2.3:80',
  'http://0.0.0.0:80',
  '0.0.0.0/0:80',
  ':80,:81',
  ':80-90',
  '/run/harp.sock',
  '[::1:80',
  '0.0.0.0:80 ssl',
]

test.each(addressSettings.flatMap(([name]) => wrongWritings.map((each) => [name, each] as const)))(
  '%s=%s stops the start',
  (name, given) => {
    expect(read({ [name]: given }).problems).toEqual([
      `fatal ${name}: is not one host:port address to listen on`,
    ])
  },
)

test.each(['', '""', ' '])('HP_FRP_ADDRESS=%j is empty and stops the start', (given) => {
  expect(read({ HP_FRP_ADDRESS: given }).problems).toEqual(['fatal HP_FRP_ADDRESS: is empty'])
})

test.each(['off', 'OFF', '"off"'])('HARP_ADMIN_ADDRESS=%s listens nowhere', (given) => {
  expect(read({ HARP_ADMIN_ADDRESS: given })).toMatchObject({ addresses: { admin: 'off' }, problems: [] })
})

test.each([
  ['0.0.0.0:8780', '127.0.0.1:8780'],
  ['127.0.0.1:8780', '[::]:8780'],
  ['127.0.0.1:8780', '127.0.0.1:8780'],
  ['localhost:8780', '127.0.0.1:8780'],
])('HTTP on %s and tunnels on %s cannot both be', (http, frp) => {
  expect(read({ HP_EXAPPS_ADDRESS: http, HP_FRP_ADDRESS: frp }).problems).toEqual([
    'fatal HP_FRP_ADDRESS: takes the same port as HP_EXAPPS_ADDRESS',
  ])
})

test.each([
  ['192.0.2.1:443', '192.0.2.2:443'],
  ['127.0.0.1:0', '127.0.0.1:0'],
])('HTTP on %s and HTTPS on %s can', (http, https) => {
  expect(read({ HP_EXAPPS_ADDRESS: http, HP_EXAPPS_HTTPS_ADDRESS: https }, true).problems).toEqual([])
})

test('HTTPS on a taken port stops the start only if there is a certificate, as in the original', () => {
  const env = { HP_EXAPPS_ADDRESS: ':8781' }

  expect(read(env, true).problems).toEqual([
    'fatal HP_EXAPPS_HTTPS_ADDRESS: takes the same port as HP_EXAPPS_ADDRESS',
  ])
  expect(read(env, false).problems).toEqual([expect.stringMatching(/^warning HP_EXAPPS_HTTPS_ADDRESS: /)])
})

test('an environment that used port 8783 before the admin address existed still starts, without it', () => {
  const { addresses, problems } = read({ HP_EXAPPS_ADDRESS: ':8783' })

  expect(addresses).toMatchObject({ http: '0.0.0.0:8783', admin: 'off' })
  expect(problems).toEqual([expect.stringMatching(/^warning HARP_ADMIN_ADDRESS: is off/)])
})

test('an admin address that was asked for and is taken stops the start', () => {
  expect(read({ HARP_ADMIN_ADDRESS: ':8780' }).problems).toEqual([
    'fatal HARP_ADMIN_ADDRESS: takes the same port as HP_EXAPPS_ADDRESS',
  ])
})
