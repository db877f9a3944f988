/** Base URLs: absolute, http or https, nothing in them that could be a secret or get lost when a path is added. */

export type BaseUrl =
  | { readonly kind: 'ok'; readonly url: URL }
  | { readonly kind: 'bad'; readonly message: string; readonly fix: string }

export function parseBaseUrl(text: string): BaseUrl {
  if (!/^https?:\/\/[^/]/i.test(text)) {
    return bad('is not an absolute http or https URL', 'write it in full, such as https://cloud.example.com')
  }
  // NOTE: URL() silently drops tabs and line breaks and turns a backslash into a slash.
  if (/[\p{Cc}\s\\]/u.test(text)) {
    return bad('contains a blank, a control character or a backslash', 'remove it')
  }
  if (!URL.canParse(text)) return bad('is not a valid URL', 'check host and port')
  const url = new URL(text)
  if (url.username !== '' || url.password !== '' || text.includes('@')) {
    return bad('contains a user or password, or another @', 'remove everything up to the @')
  }
  if (/[?#]/.test(text)) return bad('contains a query or a fragment', 'remove everything from the ? or # on')
  return { kind: 'ok', url }
}

/** What of a URL may be shown: passwords are before the last `@`, tokens in the query. */
export function showUrl(text: string): string {
  const at = text.lastIndexOf('@')
  const withoutUser = at === -1 ? text : `[hidden]${text.slice(at)}`
  return withoutUser.replace(/([?#]).+$/s, '$1[hidden]')
}

function bad(message: string, fix: string): BaseUrl {
  return { kind: 'bad', message, fix }
}
