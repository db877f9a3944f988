import { expect, test } from 'vitest'
import { describeTunnelClient } from './describe-config.ts'
import { formatFileProblems } from './file-problem.ts'
import { parseFrpcConfig, type FrpcFileReading } from './frpc-config.ts'
import type { TunnelClientConfig } from './tunnel-config.ts'

/** As AppAPI's start script writes it into an ExApp's container. */
const exAppFile = `
serverAddr = "gateway.example"
serverPort = 8782
loginFailExit = false
transport.tls.enable = true
transport.tls.certFile = "/certs/frp/client.crt"
transport.tls.keyFile = "/certs/frp/client.key"
transport.tls.trustedCaFile = "/certs/frp/ca.crt"
transport.tls.serverName = "harp.nc"
metadatas.token = "the shared key"
[[proxies]]
remotePort = 23001
type = "tcp"
name = "test_app"
[proxies.plugin]
type = "unix_domain_socket"
unixPath = "/tmp/exapp.sock"
`

const proxy = '[[proxies]]\nname = "app"\nremotePort = 23001\nlocalPort = 9000\n'
const secure = 'transport.tls.trustedCaFile = "/ca.crt"\n'

function read(source: string, environment: Record<string, string> = {}): FrpcFileReading {
  return parseFrpcConfig(source, environment)
}

function accepted(source: string, environment: Record<string, string> = {}): TunnelClientConfig {
  const { config, problems } = read(source, environment)
  if (config === null) throw new Error(formatFileProblems(problems).join('\n'))
  return config
}

test('the file of an ExApp is read as frpc reads it', () => {
  const config = accepted(exAppFile)

  expect(read(exAppFile).problems).toEqual([])
  expect(config).toMatchObject({
    server: { host: 'gateway.example', port: 8782 },
    loginFailExit: false,
    transport: {
      protocol: 'tcp',
      wireVersion: 1,
      isMultiplexed: true,
      poolCount: 1,
      tls: {
        certFile: '/certs/frp/client.crt',
        keyFile: '/certs/frp/client.key',
        authorityFile: '/certs/frp/ca.crt',
        serverName: 'harp.nc',
        sendsFirstByte: false,
      },
    },
    proxies: [
      { name: 'test_app', remotePort: 23001, target: { path: '/tmp/exapp.sock' }, useEncryption: false },
    ],
  })
  expect(config.metadatas['token']?.reveal()).toBe('the shared key')
})

test('what a file leaves out is as documented for frpc', () => {
  const config = accepted(proxy)

  expect(config).toMatchObject({
    server: { host: '0.0.0.0', port: 7000 },
    loginFailExit: true,
    user: '',
    logLevel: 'info',
    proxies: [{ name: 'app', target: { address: '127.0.0.1', port: 9000 } }],
  })
  expect(config.authToken.reveal()).toBe('')
  expect(config.transport.tls).toMatchObject({ serverName: '0.0.0.0', authorityFile: null })
})

test('every key that has a meaning is accepted', () => {
  const config = accepted(`
    serverAddr = "::1"
    user = "me"
    clientID = "this machine"
    auth = { method = "token", token = "t", additionalScopes = ["HeartBeats", "NewWorkConns"] }
    metadatas = { token = "k", note = "x" }
    log = { to = "console", level = "trace", maxDays = 3, disablePrintColor = true }
    [transport]
    protocol = "websocket"
    wireProtocol = "v2"
    tcpMux = false
    poolCount = 5
    dialServerTimeout = 7
    dialServerKeepalive = -1
    tcpMuxKeepaliveInterval = 60
    heartbeatInterval = 20
    heartbeatTimeout = 60
    connectServerLocalIP = "192.0.2.1"
    [transport.tls]
    trustedCaFile = "/ca.crt"
    disableCustomTLSFirstByte = false
    [[proxies]]
    name = "app"
    type = "tcp"
    localIP = "app.internal"
    localPort = 80
    transport = { useEncryption = true, useCompression = false }
    metadatas = { a = "1" }
    annotations = { b = "2" }
  `)

  expect(config).toMatchObject({
    user: 'me',
    clientId: 'this machine',
    signsHeartbeats: true,
    signsWorkConnections: true,
    logLevel: 'debug',
    transport: {
      protocol: 'websocket',
      wireVersion: 2,
      isMultiplexed: false,
      poolCount: 5,
      connectTimeoutMs: 7_000,
      tcpKeepAliveMs: null,
      muxKeepAliveMs: 60_000,
      heartbeatMs: 20_000,
      heartbeatTimeoutMs: 60_000,
      localAddress: '192.0.2.1',
      tls: { sendsFirstByte: true },
    },
    proxies: [
      {
        name: 'me.app',
        remotePort: 0,
        target: { address: 'app.internal', port: 80 },
        useEncryption: true,
        metadatas: { a: '1' },
        annotations: { b: '2' },
      },
    ],
  })
})

test.each([
  ['tcpMux on', '', { heartbeatMs: null, heartbeatTimeoutMs: null }],
  [
    'tcpMux on, Pings asked for',
    'transport.heartbeatInterval = 9',
    { heartbeatMs: 9_000, heartbeatTimeoutMs: null },
  ],
  ['tcpMux off', 'transport.tcpMux = false', { heartbeatMs: 5_000, heartbeatTimeoutMs: 12_000 }],
  [
    'tcpMux off, Pings off',
    'transport.tcpMux = false\ntransport.heartbeatInterval = -1\ntransport.heartbeatTimeout = 90',
    { heartbeatMs: null, heartbeatTimeoutMs: null },
  ],
])('heartbeats with %s', (_name, lines, expected) => {
  expect(accepted(`${lines}\n${proxy}`).transport).toMatchObject(expected)
})

test.each([
  ['serverPort = 0', 'serverPort'],
  ['serverPort = 70000', 'serverPort'],
  ['serverPort = "8782"', 'serverPort'],
  ['serverAddr = ""', 'serverAddr'],
  ['server_addr = "x"', 'server_addr'],
  ['dnsServer = "8.8.8.8"', 'dnsServer'],
  ['webServer.port = 7400', 'webServer'],
  ['includes = ["./confd/*.toml"]', 'includes'],
  ['start = ["app"]', 'start'],
  ['[[visitors]]\nname = "v"', 'visitors'],
  ['auth.method = "oidc"', 'auth.method'],
  ['auth.oidc.clientID = "x"', 'auth.oidc'],
  ['auth.tokenSource.type = "file"', 'auth.tokenSource'],
  ['auth.additionalScopes = ["Everything"]', 'auth.additionalScopes[0]'],
  ['metadatas.token = 5', 'metadatas.token'],
  ['log.to = "./frpc.log"', 'log.to'],
  ['log.level = "loud"', 'log.level'],
  ['transport.protocol = "quic"', 'transport.protocol'],
  ['transport.protocol = "kcp"', 'transport.protocol'],
  ['transport.wireProtocol = "v3"', 'transport.wireProtocol'],
  ['transport.quic.keepalivePeriod = 10', 'transport.quic'],
  ['transport.poolCount = -1', 'transport.poolCount'],
  ['transport.heartbeatInterval = 0', 'transport.heartbeatInterval'],
  ['transport.heartbeatInterval = 30\ntransport.heartbeatTimeout = 20', 'transport.heartbeatTimeout'],
  ['transport.connectServerLocalIP = "eth0"', 'transport.connectServerLocalIP'],
  ['transport.proxyURL = "socks5://proxy:1080"', 'transport.proxyURL'],
  ['transport.proxyURL = "http://p:1"\ntransport.protocol = "websocket"', 'transport.proxyURL'],
  ['transport.tls.enable = "yes"', 'transport.tls.enable'],
  ['transport.tls.certFile = "/c"', 'transport.tls.keyFile'],
  ['transport.tls.keyFile = "/k"', 'transport.tls.certFile'],
  ['transport.tls.minVersion = "1.3"', 'transport.tls.minVersion'],
])('%s is refused by name', (line, key) => {
  const { config, problems } = read(`${line}\n${proxy}`)

  expect(config).toBeNull()
  expect(problems.filter((each) => each.severity === 'fatal').map((each) => each.key)).toEqual([key])
})

test.each([
  ['type = "http"', 'proxies[0].type'],
  ['type = "stcp"', 'proxies[0].type'],
  ['remotePort = 65536', 'proxies[0].remotePort'],
  ['transport.useCompression = true', 'proxies[0].transport.useCompression'],
  ['transport.bandwidthLimit = "1MB"', 'proxies[0].transport.bandwidthLimit'],
  ['transport.proxyProtocolVersion = "v2"', 'proxies[0].transport.proxyProtocolVersion'],
  ['loadBalancer.group = "g"', 'proxies[0].loadBalancer'],
  ['healthCheck.type = "tcp"', 'proxies[0].healthCheck'],
  ['customDomains = ["x.example"]', 'proxies[0].customDomains'],
  ['plugin = { type = "socks5" }', 'proxies[0].plugin.type'],
  ['plugin = { type = "unix_domain_socket" }', 'proxies[0].plugin.unixPath'],
  ['plugin = { type = "unix_domain_socket", unixPath = "/s" }', 'proxies[0].plugin'],
  ['metadatas = { a = 1 }', 'proxies[0].metadatas.a'],
])('a proxy with %s is refused by name', (line, key) => {
  const { config, problems } = read(`${secure}[[proxies]]\nname = "app"\nlocalPort = 80\n${line}\n`)

  expect(config).toBeNull()
  expect(problems.map((each) => each.key)).toContain(key)
})

test.each([
  ['no proxy', secure, 'proxies'],
  ['a proxy without a name', `${secure}[[proxies]]\nlocalPort = 80\n`, 'proxies[0].name'],
  ['a proxy without a target', `${secure}[[proxies]]\nname = "app"\n`, 'proxies[0].localPort'],
  ['two proxies of one name', `${secure}${proxy}${proxy}`, 'proxies[1].name'],
])('%s is refused', (_name, source, key) => {
  expect(read(source)).toMatchObject({ config: null, problems: [{ key, severity: 'fatal' }] })
})

test('all problems are named at once', () => {
  const { problems } = read('serverPort = -1\nfoo = 1\n[[proxies]]\nname = "a"\ntype = "udp"\nbar = 2\n')

  expect(problems.map((each) => each.key)).toEqual(
    expect.arrayContaining(['serverPort', 'foo', 'proxies[0].type', 'proxies[0].bar']),
  )
})

test('the legacy INI format is refused as such', () => {
  const { config, problems } = read('[common]\nserver_addr = 127.0.0.1\nserver_port = 7000\n')

  expect(config).toBeNull()
  expect(formatFileProblems(problems)).toEqual([expect.stringMatching(/^ERROR: \[common\] .*INI.*TOML/)])
})

test('a syntax error names its place and quotes nothing', () => {
  const { problems } = read('serverPort = 8782\nmetadatas.token = "hush\n')

  expect(problems).toMatchObject([{ key: 'the file', message: expect.stringContaining('line 2') }])
  expect(JSON.stringify(problems)).not.toContain('hush')
})

test('no problem shows a value', () => {
  const { problems } = read('auth.token = ["hush"]\nmetadatas.token = ["hush"]\nauth.method = "hush"\n')

  expect(problems.length).toBeGreaterThan(2)
  expect(formatFileProblems(problems).join('\n')).not.toContain('hush')
})

test('what is in effect shows no secret', () => {
  const source = `auth.token = "hush"\nmetadatas.token = "hush"\ntransport.proxyURL = "http://u:hush@p"\n${proxy}`

  const rows = describeTunnelClient(accepted(source))

  expect(rows).toContainEqual(['metadatas.token', '[secret]'])
  expect(rows).toContainEqual(['auth.token', '[secret]'])
  expect(JSON.stringify(rows)).not.toContain('hush')
})

test.each([
  ['TLS without a CA', proxy, 'transport.tls.trustedCaFile'],
  ['no TLS', `transport.tls.enable = false\n${proxy}`, 'transport.tls.enable'],
])('%s is accepted with a warning', (_name, source, key) => {
  const { config, problems } = read(source)

  expect(config).not.toBeNull()
  expect(problems).toMatchObject([{ severity: 'warning', key }])
})

test("the environment's http_proxy is not used, and that is said", () => {
  const { config, problems } = read(secure + proxy, { http_proxy: 'http://proxy:3128' })

  expect(config?.transport.proxyUrl).toBeNull()
  expect(problems).toMatchObject([{ severity: 'warning', key: 'http_proxy' }])
})

test('environment variables are filled in as in a Go template', () => {
  const source = `${secure}serverAddr = "{{ .Envs.HOST }}"\nserverPort = {{.Envs.PORT}}\n${proxy}`

  expect(accepted(source, { HOST: 'gw', PORT: '8782' }).server).toEqual({ host: 'gw', port: 8782 })
})

test.each([
  ['a variable that is not set', 'serverAddr = "{{ .Envs.NONE }}"', '{{ .Envs.NONE }}'],
  ['another function', '{{ range parseNumberRange "1-2" }}', '{{ range parseNumberRange "1-2" }}'],
  ['trimming', 'serverAddr = "{{- .Envs.HOST -}}"', '{{- .Envs.HOST -}}'],
])('%s in a template is refused', (_name, line, key) => {
  expect(read(`${line}\n${proxy}`, { HOST: 'gw' })).toMatchObject({
    config: null,
    problems: [{ severity: 'fatal', key }],
  })
})
