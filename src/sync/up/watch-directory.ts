import { watch } from 'node:fs'

export interface DirectoryWatch {
  close(): void
}

export interface WatchHandler {
  /** Something named so was made, removed or changed. */
  readonly onEvent: (name: string | undefined) => void
  readonly onError: (error: unknown) => void
}

/** Throws what the system says, `ENOSPC` or `EMFILE` if there are no more watches. */
export type WatchDirectory = (path: string, handler: WatchHandler) => DirectoryWatch

export const watchDirectory: WatchDirectory = (path, { onEvent, onError }) => {
  const watcher = watch(path, { persistent: false }, (_event, name) => onEvent(name ?? undefined))
  watcher.on('error', onError)
  return watcher
}
