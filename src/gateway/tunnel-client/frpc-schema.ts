import { z } from 'zod'

/**
 * The keys of frpc's TOML file that have a meaning here, with frpc's documented defaults. Strict at every level: a
 * key that would be ignored is a promise that is not kept. Numbers of seconds carry frpc's names.
 */
const port = z.int().min(1).max(65_535)
const seconds = z.int().min(1).max(86_400)
/** -1 switches it off. */
const secondsOrOff = z.union([z.literal(-1), seconds])
const text = z.string().max(4_096)
const pairs = z.record(z.string().max(256), text)
const filePath = z.string().min(1).max(4_096)

const tls = z.strictObject({
  enable: z.boolean().default(true),
  certFile: filePath.optional(),
  keyFile: filePath.optional(),
  trustedCaFile: filePath.optional(),
  serverName: z.string().min(1).max(253).optional(),
  disableCustomTLSFirstByte: z.boolean().default(true),
})

const transport = z.strictObject({
  protocol: z.enum(['tcp', 'websocket']).default('tcp'),
  wireProtocol: z.enum(['v1', 'v2']).default('v1'),
  tcpMux: z.boolean().default(true),
  tcpMuxKeepaliveInterval: seconds.optional(),
  poolCount: z.int().min(0).max(10_000).default(1),
  dialServerTimeout: seconds.optional(),
  /** frpc takes any negative number for "no probes". */
  dialServerKeepalive: z.int().min(-1).max(86_400).default(7_200),
  connectServerLocalIP: z.union([z.ipv4(), z.ipv6()]).optional(),
  proxyURL: z.string().min(1).max(4_096).optional(),
  heartbeatInterval: secondsOrOff.optional(),
  heartbeatTimeout: secondsOrOff.optional(),
  tls: tls.prefault({}),
})

const proxy = z.strictObject({
  name: z.string().min(1).max(256),
  type: z.literal('tcp').default('tcp'),
  /** 0: the server picks one. */
  remotePort: z.int().min(0).max(65_535).default(0),
  localIP: z.string().min(1).max(253).optional(),
  localPort: port.optional(),
  plugin: z
    .strictObject({ type: z.literal('unix_domain_socket'), unixPath: z.string().min(1).max(107) })
    .optional(),
  transport: z
    .strictObject({
      useEncryption: z.boolean().default(false),
      useCompression: z.literal(false).optional(),
    })
    .prefault({}),
  metadatas: pairs.default({}),
  annotations: pairs.default({}),
})

export const frpcFile = z.strictObject({
  serverAddr: z.string().min(1).max(253).default('0.0.0.0'),
  serverPort: port.default(7_000),
  user: z.string().max(256).default(''),
  clientID: z.string().max(256).default(''),
  loginFailExit: z.boolean().default(true),
  auth: z
    .strictObject({
      method: z.literal('token').default('token'),
      token: text.default(''),
      additionalScopes: z.array(z.enum(['HeartBeats', 'NewWorkConns'])).default([]),
    })
    .prefault({}),
  metadatas: pairs.default({}),
  transport: transport.prefault({}),
  log: z
    .strictObject({
      level: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
      to: z.literal('console').optional(),
      maxDays: z.int().optional(),
      disablePrintColor: z.boolean().optional(),
    })
    .prefault({}),
  proxies: z.array(proxy).min(1).max(100),
})

export type FrpcFile = z.infer<typeof frpcFile>
