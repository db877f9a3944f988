/**
 * Loopback of its own, in which nothing else sends: its counters are the bytes on the wire, both ways together, with all
 * headers. Gone with the process that holds it.
 */
import { readFileSync } from 'node:fs'
import { OwnProcess } from '../own-process.ts'

export interface Network {
  /** A command that runs in it. */
  enter(command: string, args: readonly string[]): { readonly command: string; readonly args: string[] }
  /** So far; null if it cannot be told. */
  bytes(): number | null
  stop(): Promise<void>
}

export async function startNetwork(say: (line: string) => void): Promise<Network> {
  try {
    return await startOwn()
  } catch {
    say('no network namespace of our own (that needs root): bytes on the wire are left out')
    return {
      enter: (command, args) => ({ command, args: [...args] }),
      bytes: () => null,
      stop: async () => {},
    }
  }
}

async function startOwn(): Promise<Network> {
  const own = await OwnProcess.start({
    name: 'network namespace',
    command: 'unshare',
    args: ['--net', '--', 'sh', '-c', 'ip link set lo up && exec sleep infinity'],
    isReady: async (pid) => /^sleep$/m.test(readFileSync(`/proc/${pid}/comm`, 'utf8')),
  })
  return {
    enter: (command, args) => ({
      command: 'nsenter',
      args: [`--net=/proc/${own.pid}/ns/net`, '--', command, ...args],
    }),
    bytes: () => {
      const counters = /^\s*lo:\s*(\d+)/m.exec(readFileSync(`/proc/${own.pid}/net/dev`, 'utf8'))
      return Number(counters?.[1] ?? Number.NaN)
    },
    stop: async () => own.stop(),
  }
}
