/** Answers that the gateway gives itself, byte for byte as clients of the original know them (contract section 0). */
export interface LocalResponse {
  readonly status: number
  readonly contentType: string
  readonly body: string | Buffer
  /** Further lower-case fields, name and value. */
  readonly fields?: readonly string[]
}

const reasonPhrases: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Time-out',
  409: 'Conflict',
  413: 'Payload Too Large',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Time-out',
}

function reasonPhrase(status: number): string {
  return reasonPhrases[status] ?? ''
}

export function plainText(status: number, body: string, fields?: readonly string[]): LocalResponse {
  return { status, contentType: 'text/plain', body, ...(fields === undefined ? {} : { fields }) }
}

/** Decision refusals: short plain text. */
export const refusals = {
  400: plainText(400, '400 Bad Request'),
  401: plainText(401, '401 Unauthorized'),
  403: plainText(403, '403 Forbidden'),
  404: plainText(404, '404 Not Found'),
  503: plainText(503, '503 Service Unavailable (HaRP)'),
} as const

function stockPage(status: number, title: string, text: string): LocalResponse {
  return {
    status,
    contentType: 'text/html',
    body: `<html><body><h1>${status} ${title}</h1>\n${text}\n</body></html>\n`,
    fields: ['cache-control', 'no-cache'],
  }
}

/** Failures below the decision: the pages of the original's front. */
export const stockPages = {
  400: stockPage(400, 'Bad request', 'Your browser sent an invalid request.'),
  403: stockPage(403, 'Forbidden', 'Request forbidden by administrative rules.'),
  408: stockPage(408, 'Request Time-out', "Your browser didn't send a complete request in time."),
  502: stockPage(502, 'Bad Gateway', 'The server returned an invalid or incomplete response.'),
  503: stockPage(503, 'Service Unavailable', 'No server is available to handle this request.'),
  504: stockPage(504, 'Gateway Time-out', "The server didn't respond in time."),
} as const

/** A local answer as HTTP/1.1 bytes. */
export function serializeLocalResponse(
  response: LocalResponse,
  options: { isHead: boolean; close: boolean; minorVersion: 0 | 1 },
): Buffer {
  const body = typeof response.body === 'string' ? Buffer.from(response.body, 'utf8') : response.body
  let head = `HTTP/1.1 ${response.status} ${reasonPhrase(response.status)}\r\n`
  if (response.status !== 204) head += `content-length: ${body.length}\r\n`
  if (body.length > 0 || response.contentType !== '') head += `content-type: ${response.contentType}\r\n`
  const extra = response.fields ?? []
  for (let index = 0; index < extra.length; index += 2) head += `${extra[index]}: ${extra[index + 1]}\r\n`
  if (options.close) head += 'connection: close\r\n'
  else if (options.minorVersion === 0) head += 'connection: keep-alive\r\n'
  const text = Buffer.from(`${head}\r\n`, 'latin1')
  return options.isHead || response.status === 204 ? text : Buffer.concat([text, body])
}
