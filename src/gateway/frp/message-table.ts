import type { FrpMessage, Metas, SupportedMessage, UnsupportedName } from './messages.ts'

/** `port`: 0 to 65535. `texts`: texts by name. `nothing`: always sent as {}, never read. */
export type FieldType = 'text' | 'integer' | 'port' | 'flag' | 'texts' | 'nothing'

export interface Field {
  /** Of the message's type, such as `runId`. */
  readonly key: string
  /** In JSON, such as `run_id`. */
  readonly name: string
  readonly type: FieldType
}

export interface MessageEntry {
  /** The message's kind, or the name of an unsupported one. */
  readonly name: SupportedMessage['kind'] | UnsupportedName
  readonly isSupported: boolean
  /** Its type byte in wire v1. */
  readonly byte: number
  /** Its message id in wire v2. */
  readonly id: number
  readonly fields: readonly Field[]
}

type TypeOf<T> = T extends string
  ? 'text'
  : T extends number
    ? 'integer' | 'port'
    : T extends boolean
      ? 'flag'
      : T extends Metas
        ? 'texts'
        : never

/** All fields of a message in the order in which frp writes them. */
type FieldsOf<M> = { readonly [K in keyof Omit<M, 'kind'>]: TypeOf<M[K]> }

interface Row<M> {
  readonly byte: string
  readonly id: number
  readonly fields: FieldsOf<M> & { readonly clientSpec?: 'nothing' }
}

const supported: { readonly [K in SupportedMessage['kind']]: Row<Extract<FrpMessage, { kind: K }>> } = {
  Login: {
    byte: 'o',
    id: 1,
    fields: {
      version: 'text',
      hostname: 'text',
      os: 'text',
      arch: 'text',
      user: 'text',
      privilegeKey: 'text',
      timestamp: 'integer',
      runId: 'text',
      clientId: 'text',
      metas: 'texts',
      // NOTE: could switch authentication off inside frp; from the network it must have no effect.
      clientSpec: 'nothing',
      poolCount: 'integer',
    },
  },
  LoginResp: { byte: '1', id: 2, fields: { version: 'text', runId: 'text', error: 'text' } },
  NewProxy: {
    byte: 'p',
    id: 3,
    fields: {
      proxyName: 'text',
      proxyType: 'text',
      useEncryption: 'flag',
      useCompression: 'flag',
      bandwidthLimit: 'text',
      bandwidthLimitMode: 'text',
      group: 'text',
      groupKey: 'text',
      metas: 'texts',
      annotations: 'texts',
      remotePort: 'integer',
    },
  },
  NewProxyResp: { byte: '2', id: 4, fields: { proxyName: 'text', remoteAddr: 'text', error: 'text' } },
  CloseProxy: { byte: 'c', id: 5, fields: { proxyName: 'text' } },
  NewWorkConn: { byte: 'w', id: 6, fields: { runId: 'text', privilegeKey: 'text', timestamp: 'integer' } },
  ReqWorkConn: { byte: 'r', id: 7, fields: {} },
  StartWorkConn: {
    byte: 's',
    id: 8,
    fields: {
      proxyName: 'text',
      srcAddr: 'text',
      dstAddr: 'text',
      srcPort: 'port',
      dstPort: 'port',
      error: 'text',
    },
  },
  Ping: { byte: 'h', id: 11, fields: { privilegeKey: 'text', timestamp: 'integer' } },
  Pong: { byte: '4', id: 12, fields: { error: 'text' } },
}

const unsupported: Readonly<Record<UnsupportedName, { readonly byte: string; readonly id: number }>> = {
  NewVisitorConn: { byte: 'v', id: 9 },
  NewVisitorConnResp: { byte: '3', id: 10 },
  UDPPacket: { byte: 'u', id: 13 },
  NatHoleVisitor: { byte: 'i', id: 14 },
  NatHoleClient: { byte: 'n', id: 15 },
  NatHoleResp: { byte: 'm', id: 16 },
  NatHoleSid: { byte: '5', id: 17 },
  NatHoleReport: { byte: '6', id: 18 },
}

const entries: readonly MessageEntry[] = [
  ...Object.entries(supported).map(([name, row]) => entry(name, row, true)),
  ...Object.entries(unsupported).map(([name, row]) => entry(name, { ...row, fields: {} }, false)),
]
const byByte = new Map(entries.map((each) => [each.byte, each]))
const byId = new Map(entries.map((each) => [each.id, each]))
const byName = new Map<string, MessageEntry>(entries.map((each) => [each.name, each]))

export function messageByByte(byte: number): MessageEntry | undefined {
  return byByte.get(byte)
}

export function messageById(id: number): MessageEntry | undefined {
  return byId.get(id)
}

export function messageByName(name: MessageEntry['name']): MessageEntry {
  const found = byName.get(name)
  if (found === undefined) throw new TypeError(`no frp message is called ${name}`)
  return found
}

interface AnyRow {
  readonly byte: string
  readonly id: number
  readonly fields: Readonly<Record<string, FieldType>>
}

function entry(name: string, row: AnyRow, isSupported: boolean): MessageEntry {
  const fields = Object.entries(row.fields).map(([key, type]) => ({ key, name: snakeCase(key), type }))
  return { name: name as MessageEntry['name'], isSupported, byte: row.byte.charCodeAt(0), id: row.id, fields }
}

/** `runId` → `run_id`: frp's JSON names follow from ours without exception. */
function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
