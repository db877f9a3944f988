const maxPathLength = 4096

/** A path without `.`, `..`, doubled or trailing slashes. null: not an absolute path. */
export function plainPath(path: string): string | null {
  // oxlint-disable-next-line no-control-regex -- no path that an engine takes has any
  if (!path.startsWith('/') || path.length > maxPathLength || /[\x00-\x1f\x7f]/.test(path)) return null
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  return `/${segments.join('/')}`
}

/** A path on an engine's host, for comparison: plain, and with /var/run as the link that it is there. */
export function normalPath(path: string): string | null {
  return plainPath(path)?.replace(/^\/var\/run(?=\/|$)/, '/run') ?? null
}
