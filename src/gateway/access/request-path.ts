/** Path rules of the gateway: pure text, never normalised for forwarding (docs/spec/gateway.md, request path). */

const parentSegment = /(?:^|\/|%2[fF])(?:\.|%2[eE]){2}(?:\/|%2[fF]|$)/
const appPath = /^\/exapps\/([^/]+)(.*)$/s
const appIdGrammar = /^[a-z0-9_-]{1,64}$/
const escape = /%([0-9a-fA-F]{2})/g
const internalEndpoints = new Set(['/heartbeat', '/init', '/enabled'])

/** Splits a request target at the first `?`; `query` keeps its question mark. */
export function splitTarget(target: string): { path: string; query: string } {
  const mark = target.indexOf('?')
  if (mark === -1) return { path: target, query: '' }
  return { path: target.slice(0, mark), query: target.slice(mark) }
}

/** Bytes above 0x7F become lower-case percent escapes, as the original sends them (row 18). */
export function escapeNonAscii(latin1: string): string {
  // oxlint-disable-next-line no-control-regex -- the test is for "only ASCII"
  if (/^[\x00-\x7f]*$/.test(latin1)) return latin1
  return latin1.replace(/[\x80-\xff]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)
}

/** True for a `..` segment in any spelling with `.`, `/`, `%2e`, `%2f`. */
export function hasParentSegment(path: string): boolean {
  return parentSegment.test(path)
}

/** The app id as written and what follows it (may be empty), or null where the path is not under /exapps/. */
export function splitAppPath(path: string): { appId: string; targetPath: string } | null {
  const match = appPath.exec(path)
  return match === null ? null : { appId: match[1] ?? '', targetPath: match[2] ?? '' }
}

export function isAppId(lowerCaseId: string): boolean {
  return appIdGrammar.test(lowerCaseId)
}

/** Compares a canonical form: escapes decoded once, slashes collapsed, `.` segments and trailing slashes gone (W13). */
export function isInternalEndpoint(targetPath: string): boolean {
  if (internalEndpoints.has(targetPath)) return true
  const decoded = decodeOnce(targetPath)
  if (decoded === targetPath && !/\/(?:\/|\.\/|\.?$)/.test(targetPath)) return false
  const segments = decoded.split('/').filter((each) => each !== '' && each !== '.')
  return internalEndpoints.has(`/${segments.join('/')}`)
}

/**
 * The spellings of a target path that a route table must agree on (W15). `decoded` is null where nothing is
 * escaped. `decodedMustMatch` says that decoding revealed a slash, a backslash or an unreserved character:
 * an escape that changes the structure or that no honest client writes.
 */
export interface PathForms {
  readonly raw: string
  readonly decoded: string | null
  readonly decodedMustMatch: boolean
}

const revealing = /%(?:2[dDeEfF]|3[0-9]|4[1-9a-fA-F]|5[0-9aAcCfF]|6[1-9a-fA-F]|7[0-9aAeE])/

export function pathForms(targetPath: string): PathForms {
  if (!targetPath.includes('%')) return { raw: targetPath, decoded: null, decodedMustMatch: false }
  const decoded = decodeOnce(targetPath)
  if (decoded === targetPath) return { raw: targetPath, decoded: null, decodedMustMatch: false }
  return { raw: targetPath, decoded, decodedMustMatch: revealing.test(targetPath) }
}

/** Percent-decodes once, as UTF-8 where that is valid and as Latin-1 otherwise; broken escapes stay. */
export function decodeOnce(path: string): string {
  if (!path.includes('%')) return path
  const latin1 = path.replace(escape, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  if (/^[\0-\x7f]*$/.test(latin1)) return latin1
  const bytes = Buffer.from(latin1, 'latin1')
  const utf8 = bytes.toString('utf8')
  return utf8.includes('\ufffd') ? latin1 : utf8
}
