/** `/tokens` on the control socket: list, make, revoke. */
import { z } from 'zod'
import { HarpError } from '../../base/errors.ts'
import { parseJson } from '../nextcloud/exapp-meta.ts'
import { checkTokenRequest } from '../tokens/token-record.ts'
import type { TokenStore } from '../tokens/token-store.ts'
import {
  jsonAnswer,
  methodNotAllowed,
  type OperatorAnswer,
  type OperatorRequest,
} from '../../net/operator-server.ts'

export type TokenRegister = Pick<TokenStore, 'list' | 'add' | 'revoke'>

const newToken = z.strictObject({
  kind: z.enum(['app', 'engine']),
  name: z.string(),
  port: z.number().int().nullable().default(null),
})

/** `id` is what follows `/tokens/`, undefined without. */
export async function tokenRoutes(
  tokens: TokenRegister,
  { method, body }: OperatorRequest,
  id: string | undefined,
): Promise<OperatorAnswer> {
  try {
    if (id !== undefined) return method === 'DELETE' ? await revoke(tokens, id) : methodNotAllowed('DELETE')
    if (method === 'GET') return jsonAnswer(200, { tokens: tokens.list() })
    return method === 'POST' ? await add(tokens, body) : methodNotAllowed('GET, POST')
  } catch (error) {
    if (!(error instanceof HarpError)) throw error
    const fix = error.fix === undefined ? '' : `. Fix: ${error.fix}`
    return jsonAnswer(500, { error: `${error.message}${fix} [${error.code}]` })
  }
}

async function add(tokens: TokenRegister, body: string): Promise<OperatorAnswer> {
  const parsed = newToken.safeParse(parseJson(body))
  if (!parsed.success) return jsonAnswer(400, { error: 'a new token needs kind (app or engine) and name' })
  const checked = checkTokenRequest(parsed.data)
  if (checked.kind === 'wrong') return jsonAnswer(400, { error: `a token ${checked.problem}` })
  const { entry, text } = await tokens.add(checked.request)
  return jsonAnswer(200, { ...entry, token: text.reveal() })
}

async function revoke(tokens: TokenRegister, id: string): Promise<OperatorAnswer> {
  const entry = await tokens.revoke(id)
  return entry === null
    ? jsonAnswer(404, { error: 'there is no token with this id: `harp token list` tells them' })
    : jsonAnswer(200, { revoked: entry })
}
