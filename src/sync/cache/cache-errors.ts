import type { ErrorEntry } from '../../base/errors.ts'

/** Error codes of caches, for docs/errors.md. */
export const cacheErrors = {
  CACHE_QUOTA: {
    summary:
      'A quota was named for what is no cache, it is smaller than 8 MiB, or the lists of large files need more.',
    fix: 'Name more; or leave --quota out, or ask for an invitation with `--role cache`.',
  },
  CACHE_NO_QUOTA: {
    summary: 'This device is a cache of the folder, and has no place and no quota for one.',
    fix: '`harp folder remove`, and join again with an invitation for the role cache and --quota.',
  },
  CACHE_ROLE_CHANGED: {
    summary:
      'The folder is a cache on this device, and stays one, though an admin gave the device another role.',
    fix: '`harp folder remove`, and join again with a directory for the files.',
  },
  CACHE_NO_KEYS: {
    summary: 'This device is a cache of the folder: it has no keys, and knows neither names nor contents.',
    fix: 'Ask on a device whose role is read, write or admin.',
  },
  CACHE_LISTS_LEFT_OUT: {
    summary: 'Some files are so large that the lists of their chunks take more than a quarter of the quota.',
    fix: 'Give the cache a larger quota: `harp folder quota`.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>
