/**
 * An rsync daemon, and a client that pushes the folder to it: one way, without encryption or memory of what was there. It
 * is the floor for what has to be read, and a second opinion on bytes.
 */
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts } from '../../../test/support/free-ports.ts'
import { OwnProcess } from '../../own-process.ts'
import type { PairPlace, SyncPair, SyncPeer } from '../pair.ts'

const run = promisify(execFile)

export function rsync(command: string): SyncPeer {
  return {
    name: 'rsync',
    description: 'rsync -a --delete to a daemon: one way, no encryption, no history',
    startPair: async (place) => startPair(command, place),
    startAlone: async () => null,
  }
}

async function startPair(command: string, { directory, network }: PairPlace): Promise<SyncPair> {
  const [from, to] = [join(directory, 'one-files'), join(directory, 'two-files')]
  for (const each of [from, to]) mkdirSync(each)
  const [port = 0] = await freePorts(1)
  const settings = join(directory, 'rsyncd.conf')
  writeFileSync(
    settings,
    `use chroot = no\nuid = ${process.getuid?.()}\ngid = ${process.getgid?.()}\n[bench]\npath = ${to}\nread only = no\n`,
  )
  const url = `rsync://127.0.0.1:${port}`
  const daemon = await OwnProcess.start({
    name: 'rsync daemon',
    ...network.enter(command, ['--daemon', '--no-detach', `--config=${settings}`, `--port=${port}`]),
    isReady: async () => {
      const { command: file, args } = network.enter(command, [`${url}/`])
      return run(file, args).then(
        () => true,
        () => false,
      )
    },
  })
  let client: number | undefined
  return {
    from,
    to,
    pids: () => [client === undefined ? [] : [client], [daemon.pid]],
    hasShortProcesses: true,
    get failure() {
      return daemon.failure
    },
    hold: async () => {},
    bring: async (hasArrived) => {
      const { command: file, args } = network.enter(command, ['-a', '--delete', `${from}/`, `${url}/bench/`])
      const child = spawn(file, args, { stdio: 'ignore' })
      client = child.pid
      const { promise, resolve, reject } = Promise.withResolvers<number | null>()
      child.once('error', reject).once('exit', resolve)
      const code = await promise.finally(() => {
        client = undefined
      })
      if (code !== 0 || !hasArrived()) throw new Error(`rsync ended with ${code}`)
    },
    entries: async () => null,
    stop: async () => daemon.stop(),
  }
}
