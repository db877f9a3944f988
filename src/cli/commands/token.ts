import type { NewToken, TokenEntry, TokenRequest } from '../../gateway/index.ts'
import { printError, printLine, printTable } from '../output.ts'
import { connectToGateway, valueOrExplain } from '../running-gateway.ts'

export interface AddTokenOptions {
  readonly app: string | undefined
  readonly engine: string | undefined
  readonly port: string | undefined
  readonly json: boolean
}

/** `harp token add --app ID | --engine NAME [--port N]`: the only moment at which the token can be seen. */
export async function addToken(options: AddTokenOptions): Promise<void> {
  const request = toRequest(options)
  if (request === null) return
  const made = valueOrExplain(await connectToGateway().addToken(request))
  if (made === null) return
  if (options.json) printLine(JSON.stringify({ ...made.entry, token: made.text.reveal() }))
  else for (const line of describe(made)) printLine(line)
}

/** `harp token list`: what each token is for, and when it was used last. */
export async function listTokens(options: { readonly json: boolean }): Promise<void> {
  const tokens = valueOrExplain(await connectToGateway().tokens())
  if (tokens === null) return
  if (options.json) printLine(JSON.stringify({ tokens }))
  else if (tokens.length === 0) printLine('There are no tokens: all tunnels log in with the shared key.')
  else printTable([['ID', 'FOR', 'PORT', 'MADE', 'LAST USED'], ...tokens.map((token) => row(token))])
}

/** `harp token revoke ID`: its tunnels end at once. */
export async function revokeToken(id: string): Promise<void> {
  if (!/^[0-9a-f]{8}$/.test(id)) {
    refuse('the id of a token has 8 digits and letters: `harp token list` tells them')
    return
  }
  const revoked = valueOrExplain(await connectToGateway().revokeToken(id))
  if (revoked !== null) printLine(`Token ${revoked.id} of ${owner(revoked)} is revoked; its tunnels end now.`)
}

/** null: what is wrong is printed, and the exit status is set. */
function toRequest({ app, engine, port }: AddTokenOptions): TokenRequest | null {
  const isOne = (app === undefined) !== (engine === undefined)
  if (!isOne) return refuse('give either --app ID or --engine NAME')
  if (port !== undefined && !/^\d{1,5}$/.test(port)) return refuse('--port is a number')
  return {
    kind: app === undefined ? 'engine' : 'app',
    name: app ?? engine ?? '',
    port: port === undefined ? null : Number(port),
  }
}

function refuse(what: string): null {
  printError(`ERROR: ${what}`)
  process.exitCode = 1
  return null
}

function describe({ entry, text }: NewToken): string[] {
  const use =
    entry.kind === 'app'
      ? 'Give it to the app as HP_SHARED_KEY, in place of the shared key.'
      : 'Put it into the frpc.toml of the engine: metadatas.token.'
  return [
    `Token ${entry.id} for ${owner(entry)}. It is shown only now:`,
    '',
    `  ${text.reveal()}`,
    '',
    `${use} \`harp token revoke ${entry.id}\` ends it.`,
  ]
}

function owner({ kind, name }: TokenEntry): string {
  return `${kind} ${name}`
}

function row(token: TokenEntry): string[] {
  const { id, port, createdAt, lastUsedAt, lastPeer } = token
  const used = lastUsedAt === null ? 'never' : `${lastUsedAt} from ${lastPeer ?? 'somewhere'}`
  return [id, owner(token), port === null ? 'any' : String(port), createdAt, used]
}
