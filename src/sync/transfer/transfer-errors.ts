import type { ErrorEntry } from '../../base/errors.ts'

/** Error codes of fetching, for docs/errors.md. What other devices do wrong is no error: they are told off and left. */
export const transferErrors = {
  TRANSFER_CLOSED: {
    summary: 'Fetching from other devices has ended: the folder is being closed.',
    fix: 'Nothing; it goes on when the folder is opened again.',
  },
  TRANSFER_CANCELLED: {
    summary: 'The list of chunks is not wanted any more.',
    fix: 'Nothing; it is asked for again when it is needed.',
  },
  TRANSFER_LIST_TOO_LARGE: {
    summary: 'A version has more than 8,388,608 chunks, which is more than is fetched.',
    fix: 'Split the file, or found the folder with larger chunks.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>
