/** frp messages in both wires, written from the wire description; an encoded message is the list of Go's writes. */
export interface FrpcMessage {
  readonly name: string
  readonly body: Readonly<Record<string, unknown>>
  /** The JSON as it came. */
  readonly json: Buffer
}

const names: readonly (readonly [name: string, v1: string, v2: number])[] = [
  ['Login', 'o', 1],
  ['LoginResp', '1', 2],
  ['NewProxy', 'p', 3],
  ['NewProxyResp', '2', 4],
  ['CloseProxy', 'c', 5],
  ['NewWorkConn', 'w', 6],
  ['ReqWorkConn', 'r', 7],
  ['StartWorkConn', 's', 8],
  ['NewVisitorConn', 'v', 9],
  ['NewVisitorConnResp', '3', 10],
  ['Ping', 'h', 11],
  ['Pong', '4', 12],
]
const maxBodyV1 = 10_240
const maxPayloadV2 = 65_536

/** Opens every stream of wire v2. */
export const magicV2: Buffer = Buffer.from('46525000020d0a', 'hex')

export function encodeMessage(wire: 1 | 2, name: string, body: object): Buffer[] {
  const json = Buffer.from(JSON.stringify(body))
  const entry = names.find(([known]) => known === name)
  if (entry === undefined) throw new Error(`no frp message is called ${name}`)
  if (wire === 1) return [Buffer.concat([frameHeaderV1(entry[1], json.length), json])]
  const id = Buffer.alloc(2)
  id.writeUInt16BE(entry[2])
  return encodeFrameV2(16, Buffer.concat([id, json]))
}

/** For tests of limits: a header that may lie. */
export function frameHeaderV1(type: string, length: number | bigint): Buffer {
  const header = Buffer.alloc(9)
  header.write(type, 0, 'latin1')
  header.writeBigInt64BE(BigInt(length), 1)
  return header
}

export function encodeFrameV2(type: number, payload: Buffer): Buffer[] {
  const header = Buffer.alloc(8)
  header.writeUInt16BE(type, 0)
  header.writeUInt32BE(payload.length, 4)
  return [header, payload]
}

/** The first message in the bytes, or undefined while it is incomplete; throws where Go closes the connection. */
export function takeMessage(wire: 1 | 2, bytes: Buffer): { message: FrpcMessage; rest: Buffer } | undefined {
  return wire === 1 ? takeV1(bytes) : takeV2(bytes)
}

function takeV1(bytes: Buffer): { message: FrpcMessage; rest: Buffer } | undefined {
  if (bytes.length < 9) return undefined
  const type = bytes.toString('latin1', 0, 1)
  const entry = names.find(([, v1]) => v1 === type)
  const length = Number(bytes.readBigInt64BE(1))
  if (entry === undefined) throw new Error(`unknown message type ${JSON.stringify(type)}`)
  if (length < 0 || length > maxBodyV1) throw new Error(`message of ${length} bytes`)
  if (bytes.length < 9 + length) return undefined
  return { message: parsed(entry[0], bytes.subarray(9, 9 + length)), rest: bytes.subarray(9 + length) }
}

function takeV2(bytes: Buffer): { message: FrpcMessage; rest: Buffer } | undefined {
  if (bytes.length < 8) return undefined
  const type = bytes.readUInt16BE(0)
  const length = bytes.readUInt32BE(4)
  if (bytes.readUInt16BE(2) !== 0) throw new Error('a frame with flags')
  if (length > maxPayloadV2) throw new Error(`frame of ${length} bytes`)
  if (bytes.length < 8 + length) return undefined
  const payload = bytes.subarray(8, 8 + length)
  const rest = bytes.subarray(8 + length)
  if (type === 2) return { message: parsed('ServerHello', payload), rest }
  if (type !== 16) throw new Error(`unknown frame type ${type}`)
  const id = payload.readUInt16BE(0)
  const entry = names.find(([, , v2]) => v2 === id)
  if (entry === undefined) throw new Error(`unknown message id ${id}`)
  return { message: parsed(entry[0], payload.subarray(2)), rest }
}

function parsed(name: string, json: Buffer): FrpcMessage {
  const body: unknown = JSON.parse(json.toString())
  if (typeof body !== 'object' || body === null) throw new Error(`${name} is no object`)
  return { name, body: body as Record<string, unknown>, json: Buffer.from(json) }
}
