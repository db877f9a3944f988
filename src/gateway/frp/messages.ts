/**
 * The messages of frp as this gateway knows them, independent of the wire version. A field that is absent on
 * the wire has its zero value: '', 0, false, {}. What each is for: frp's own names and documentation.
 */
export type Metas = Readonly<Record<string, string>>

/** Client: the first message of a control connection. `timestamp` in Unix seconds. */
export interface Login {
  readonly kind: 'Login'
  readonly version: string
  readonly hostname: string
  readonly os: string
  readonly arch: string
  readonly user: string
  readonly privilegeKey: string
  readonly timestamp: number
  /** Empty at the first login; the server's answer from then on. */
  readonly runId: string
  readonly clientId: string
  readonly metas: Metas
  readonly poolCount: number
}

/** Server: a non-empty `error` means refused. */
export interface LoginResp {
  readonly kind: 'LoginResp'
  readonly version: string
  readonly runId: string
  readonly error: string
}

/** Client: asks for a proxy. Fields that only other types than tcp have are not read. */
export interface NewProxy {
  readonly kind: 'NewProxy'
  readonly proxyName: string
  /** Empty means tcp. */
  readonly proxyType: string
  readonly useEncryption: boolean
  readonly useCompression: boolean
  /** Such as `100KB` or `1MB`, in steps of 1024. */
  readonly bandwidthLimit: string
  /** Empty or `client`: limited by the client itself. */
  readonly bandwidthLimitMode: string
  readonly group: string
  readonly groupKey: string
  readonly metas: Metas
  readonly annotations: Metas
  /** 0: the server chooses. As sent, so it may lie outside 0-65535. */
  readonly remotePort: number
}

/** Server: `remoteAddr` is `:port`. */
export interface NewProxyResp {
  readonly kind: 'NewProxyResp'
  readonly proxyName: string
  readonly remoteAddr: string
  readonly error: string
}

/** Client: gives a proxy up; there is no answer. */
export interface CloseProxy {
  readonly kind: 'CloseProxy'
  readonly proxyName: string
}

/** Server: open one more work connection. */
export interface ReqWorkConn {
  readonly kind: 'ReqWorkConn'
}

/** Client: sign of life; the fields are set only where the heartbeat is authenticated. */
export interface Ping {
  readonly kind: 'Ping'
  readonly privilegeKey: string
  readonly timestamp: number
}

/** Server: a non-empty `error` makes the client drop the session. */
export interface Pong {
  readonly kind: 'Pong'
  readonly error: string
}

/** Client: the first message of a work connection. */
export interface NewWorkConn {
  readonly kind: 'NewWorkConn'
  readonly runId: string
  readonly privilegeKey: string
  readonly timestamp: number
}

/** Server: the work connection carries raw bytes from here on; `error` instead means that it is not wanted. */
export interface StartWorkConn {
  readonly kind: 'StartWorkConn'
  readonly proxyName: string
  readonly srcAddr: string
  readonly dstAddr: string
  readonly srcPort: number
  readonly dstPort: number
  readonly error: string
}

/** A message that frp has and this gateway does not: visitors, hole punching, UDP. Its content is not read. */
export interface Unsupported {
  readonly kind: 'Unsupported'
  readonly name: UnsupportedName
}

export type UnsupportedName =
  | 'NewVisitorConn'
  | 'NewVisitorConnResp'
  | 'UDPPacket'
  | 'NatHoleVisitor'
  | 'NatHoleClient'
  | 'NatHoleResp'
  | 'NatHoleSid'
  | 'NatHoleReport'

export type SupportedMessage =
  | Login
  | LoginResp
  | NewProxy
  | NewProxyResp
  | CloseProxy
  | ReqWorkConn
  | Ping
  | Pong
  | NewWorkConn
  | StartWorkConn

export type FrpMessage = SupportedMessage | Unsupported

/** A message to send: fields left out have their zero value, as on the wire. */
export type OutgoingMessage = Outgoing<FrpMessage>

type Outgoing<M extends FrpMessage> = M extends SupportedMessage
  ? Pick<M, 'kind'> & Partial<Omit<M, 'kind'>>
  : M
