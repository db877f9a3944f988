import { setTimeout as pause } from 'node:timers/promises'
import { LiveView } from '../live-view.ts'
import { printLine, printRaw, terminalSize } from '../output.ts'
import type { OutputOptions } from '../report-error.ts'
import { connectToDaemon } from '../running-daemon.ts'
import { statusLines } from '../status-text.ts'

export interface StatusOptions extends OutputOptions {
  readonly watch?: boolean | undefined
}

const watchMs = 500

/** `harp status [--watch]` */
export async function showStatus({ watch, json }: StatusOptions): Promise<void> {
  const daemon = connectToDaemon()
  if (watch !== true) {
    const status = await daemon.call('status')
    if (json === true) printLine(JSON.stringify(status))
    else for (const line of statusLines(status)) printLine(line)
    return
  }
  const interrupted = new AbortController()
  const stop = (): void => interrupted.abort()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  const show = watcher(json === true)
  try {
    while (!interrupted.signal.aborted) {
      show(await daemon.call('status'))
      await pause(watchMs, undefined, { signal: interrupted.signal }).catch(() => undefined)
    }
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, stop)
  }
}

/** In place in a terminal; elsewhere each that differs from the one before. */
function watcher(isJson: boolean): (status: Parameters<typeof statusLines>[0]) => void {
  if (isJson) return (status) => printLine(JSON.stringify(status))
  if (terminalSize() !== undefined) {
    const view = new LiveView({ write: printRaw, size: () => terminalSize() ?? { columns: 80, rows: 24 } })
    return (status) => view.show(statusLines(status))
  }
  let last = ''
  return (status) => {
    const text = statusLines(status).join('\n')
    if (text !== last) printLine(`${text}\n`)
    last = text
  }
}
