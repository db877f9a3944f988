import type { Command } from 'commander'
import { answering } from './report-error.ts'

/** The commands of sync (docs/spec/cli.md), each loaded when it is called. */

const json = ['--json', 'one JSON value'] as const

interface Json {
  readonly json?: boolean
}

export function addSyncCommands(program: Command, version: string): void {
  addDevice(program, version)
  addFolders(program)
  addSharing(program)
  addHistory(program)
  addProofs(program)
}

function addDevice(program: Command, version: string): void {
  program
    .command('init')
    .description('make this device: its keys and its name')
    .option('--name <name>', 'what others call it; the host name unless given')
    .option('--restore <file>', 'make the device of a backup again')
    .option('--passphrase-file <file>', 'the passphrase of the backup')
    .option(...json)
    .action(async (options: Json & { name?: string; restore?: string; passphraseFile?: string }) => {
      const { initDevice } = await import('./commands/sync-init.ts')
      await answering(options, () => initDevice(options))
    })

  program
    .command('backup-key')
    .description('the keys of this device and its folders, in a file under a passphrase')
    .requiredOption('-o, --output <file>', 'the file to write')
    .option('--passphrase-file <file>', 'its first line is the passphrase; asked for unless given')
    .option(...json)
    .action(async (options: Json & { output: string; passphraseFile?: string }) => {
      const { backupKey } = await import('./commands/sync-init.ts')
      await answering(options, () => backupKey(options))
    })

  program
    .command('up')
    .description('the daemon that keeps the folders of this device in sync, until a signal ends it')
    .option('--listen <address>', 'where other devices reach this one')
    .option('--name <name>', 'what other devices call this one')
    .option('--hashers <count>', 'threads that read, hash and write content')
    .option('--max-upload <rate>', 'bytes per second, such as 10M')
    .option('--max-download <rate>', 'bytes per second, such as 10M')
    .option('--keep <policy>', 'old content: all, staggered or current')
    .option('--rescan <time>', 'how often to look at the disk unasked, such as 1h')
    .option('--scrub <rate>', 'how fast at most content is read again to find damage, such as 2M; off: never')
    .option('--admin <address>', 'where /metrics and /healthz answer, such as :9100; off unless given')
    .option('--no-discovery', 'look for nobody on the local networks, and tell nobody')
    .option('--log-level <level>', 'debug, info, warning or error')
    .option('--json-log', 'log lines as JSON')
    .option('--json', 'the first line as JSON, and no live view')
    .action(async (options: UpFlags) => {
      await answering(options, async () => {
        const [{ runUp }, { startDaemon }] = await Promise.all([
          import('./commands/sync-up.ts'),
          import('../sync/index.ts'),
        ])
        const { json: isJson = false, jsonLog = false } = options
        await runUp({ flags: settingFlags(options), json: isJson, jsonLog, version }, startDaemon)
      })
    })

  program
    .command('peers')
    .description('all devices that share a folder with this one: how each is reached, and why not better')
    .option(...json)
    .action(async (options: Json) => {
      const { showPeers } = await import('./commands/sync-peers.ts')
      await answering(options, () => showPeers(options))
    })

  program
    .command('status')
    .description('this device, its folders, how far they are, and who is connected')
    .option('--watch', 'again and again, until interrupted')
    .option(...json)
    .action(async (options: Json & { watch?: boolean }) => {
      const { showStatus } = await import('./commands/sync-status.ts')
      await answering(options, () => showStatus(options))
    })
}

interface UpFlags extends Json {
  readonly listen?: string
  readonly name?: string
  readonly hashers?: string
  readonly maxUpload?: string
  readonly maxDownload?: string
  readonly keep?: string
  readonly rescan?: string
  readonly scrub?: string
  /** False with `--no-discovery`. */
  readonly discovery?: boolean
  readonly admin?: string
  readonly logLevel?: string
  readonly jsonLog?: boolean
}

function settingFlags(flags: UpFlags): Readonly<Record<string, string | undefined>> {
  return {
    HARP_LISTEN: flags.listen,
    HARP_NAME: flags.name,
    HARP_HASHERS: flags.hashers,
    HARP_MAX_UPLOAD: flags.maxUpload,
    HARP_MAX_DOWNLOAD: flags.maxDownload,
    HARP_KEEP: flags.keep,
    HARP_RESCAN: flags.rescan,
    HARP_SCRUB: flags.scrub,
    HARP_DISCOVERY: flags.discovery === false ? 'off' : undefined,
    HARP_ADMIN_ADDRESS: flags.admin,
    HARP_LOG_LEVEL: flags.logLevel,
  }
}

function addFolders(program: Command): void {
  const folder = program.command('folder').description('the folders that this device keeps in sync')
  folder
    .command('add')
    .description('begin a folder with what is in a directory')
    .argument('<path>')
    .option('--name <name>', 'the last part of the path unless given')
    .option('--authority <device>', 'whose order is final: self, or a device')
    .option(...json)
    .action(async (path: string, options: Json & { name?: string; authority?: string }) => {
      const { addFolder } = await import('./commands/sync-folder.ts')
      await answering(options, () => addFolder({ path, ...options }))
    })
  folder
    .command('list')
    .description('name, state, role, id and path of each')
    .option(...json)
    .action(async (options: Json) => {
      const { listFolders } = await import('./commands/sync-folder.ts')
      await answering(options, () => listFolders(options))
    })
  folder
    .command('pause')
    .description('stop scanning and exchange')
    .argument('<folder>')
    .option(...json)
    .action(async (name: string, options: Json) => {
      const { pauseFolder } = await import('./commands/sync-folder.ts')
      await answering(options, () => pauseFolder({ folder: name, ...options }))
    })
  folder
    .command('resume')
    .description('go on, also after it was blocked')
    .argument('<folder>')
    .option('--accept-deletions', 'what is gone from the disk was meant to be deleted')
    .option(...json)
    .action(async (name: string, options: Json & { acceptDeletions?: boolean }) => {
      const { resumeFolder } = await import('./commands/sync-folder.ts')
      await answering(options, () => resumeFolder({ folder: name, ...options }))
    })
  folder
    .command('quota')
    .description('how much of its disk a cache may take')
    .argument('<folder>')
    .argument('<size>', 'such as 200G')
    .option(...json)
    .action(async (name: string, size: string, options: Json) => {
      const { setQuota } = await import('./commands/sync-folder.ts')
      await answering(options, () => setQuota({ folder: name, size, ...options }))
    })
  folder
    .command('remove')
    .description('stop syncing; the files stay')
    .argument('<folder>')
    .option(...json)
    .action(async (name: string, options: Json) => {
      const { removeFolder } = await import('./commands/sync-folder.ts')
      await answering(options, () => removeFolder({ folder: name, ...options }))
    })
}

function addSharing(program: Command): void {
  program
    .command('invite')
    .description('a code that lets one device into a folder')
    .argument('<folder>')
    .option('--role <role>', 'write, read, cache or admin; write unless given')
    .option('--expires <time>', 'from 1m to 30d; 24h unless given')
    .option(...json)
    .action(async (folder: string, options: Json & { role?: string; expires?: string }) => {
      const { inviteDevice } = await import('./commands/sync-invite.ts')
      await answering(options, () => inviteDevice({ folder, ...options }))
    })

  program
    .command('join')
    .description('take part in a folder by a code of `harp invite`')
    .argument('<code>')
    .argument('[path]', 'where the folder shall be')
    .option('--quota <size>', 'for the role cache: how much of the disk, such as 200G')
    .option(...json)
    .action(async (code: string, path: string | undefined, options: Json & { quota?: string }) => {
      const { joinFolder } = await import('./commands/sync-invite.ts')
      await answering(options, () => joinFolder({ code, path, ...options }))
    })

  program
    .command('members')
    .description('who is in a folder, with which role, and who was taken out of it')
    .argument('<folder>')
    .option(...json)
    .action(async (folder: string, options: Json) => {
      const { showMembers } = await import('./commands/sync-members.ts')
      await answering(options, () => showMembers({ folder, ...options }))
    })

  program
    .command('revoke')
    .description('take a device out of a folder: it reads nothing that is written from now on')
    .argument('<folder>')
    .argument('<device>')
    .option('--yes', 'do not ask')
    .option(...json)
    .action(async (folder: string, device: string, options: Json & { yes?: boolean }) => {
      const { revokeDevice } = await import('./commands/sync-members.ts')
      await answering(options, () => revokeDevice({ folder, device, ...options }))
    })
}

function addHistory(program: Command): void {
  program
    .command('log')
    .description('the versions of a file, newest first')
    .argument('<path>')
    .option(...json)
    .action(async (path: string, options: Json) => {
      const { showLog } = await import('./commands/sync-history.ts')
      await answering(options, () => showLog({ path, ...options }))
    })

  program
    .command('restore')
    .description('bring the content of a version back')
    .argument('<path>')
    .requiredOption('--version <version>', 'as `harp log` shows it')
    .option('--to <path>', 'write it there, and change nothing else')
    .option(...json)
    .action(async (path: string, options: Json & { version: string; to?: string }) => {
      const { restoreVersion } = await import('./commands/sync-history.ts')
      await answering(options, () => restoreVersion({ path, ...options }))
    })

  program
    .command('deleted')
    .description('what is deleted and can be brought back')
    .argument('<folder>')
    .option(...json)
    .action(async (folder: string, options: Json) => {
      const { showDeleted } = await import('./commands/sync-history.ts')
      await answering(options, () => showDeleted({ folder, ...options }))
    })
}

function addProofs(program: Command): void {
  program
    .command('proof')
    .description('a proof of the whole history of a file')
    .argument('<path>')
    .option('--reveal', 'with names, times, sizes and hashes of contents')
    .option('-o, --output <file>', 'write it there')
    .option(...json)
    .action(async (path: string, options: Json & { reveal?: boolean; output?: string }) => {
      const { makeProof } = await import('./commands/sync-proof.ts')
      await answering(options, () => makeProof({ path, ...options }))
    })

  program
    .command('verify')
    .description('check a proof, offline')
    .requiredOption('--proof <file>', 'the proof; - is standard input')
    .option('--folder <id>', 'which folder it must be about')
    .option('--trust <device...>', 'whose statements count')
    .option('--content <file>', 'which version is this?')
    .option(...json)
    .action(
      async (
        options: Json & { proof: string; folder?: string; trust?: readonly string[]; content?: string },
      ) => {
        const { verifyProof } = await import('./commands/sync-verify.ts')
        await answering(options, () => verifyProof(options))
      },
    )

  program
    .command('audit')
    .description('compare log, tree, disk and store of the folders')
    .argument('[folder]')
    .option('--repair', 'fetch what peers can give')
    .option(...json)
    .action(async (folder: string | undefined, options: Json & { repair?: boolean }) => {
      const { auditFolders } = await import('./commands/sync-audit.ts')
      await answering(options, () => auditFolders({ folder, ...options }))
    })
}
