import type { IncomingMessage } from 'node:http'

/** False for what a page of another site makes a browser send. */
export function isSameOrigin(request: IncomingMessage): boolean {
  const { origin, host } = request.headers
  // Programs other than browsers send no Origin, and hold no visitor's cookies.
  if (origin === undefined) return true
  return URL.canParse(origin) && new URL(origin).host === host
}
