/**
 * `.harp` at the top of a folder, never synced, on the same file system as the files: so that renames in and out of it
 * are atomic. Everything in it belongs to this device.
 */
export const privateName = '.harp'

/** Relative to the folder. */
export const privatePaths = {
  /** Holds the folder's id; if it is missing, the folder's disk is not there. */
  marker: `${privateName}/folder`,
  /** Versions that are being put together, named by entry hash; and items between two places, `moving-<item id>`. */
  temporary: `${privateName}/tmp`,
  /** Content that was replaced or deleted, named by entry hash of its version. */
  kept: `${privateName}/kept`,
} as const
