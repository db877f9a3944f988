import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { errorMessage, HarpError } from '../base/errors.ts'
import { printError } from './output.ts'
import { answering, reportError, usageStatus } from './report-error.ts'
import { addSyncCommands } from './sync-commands.ts'

/** The command line: one file per command, loaded when it is called. Sets `process.exitCode`, never exits. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('harp')
  program
    .description('The direct data path for Nextcloud, and folders between devices without a server.')
    .version(packageVersion())
    // Else `--version` of `harp restore` would be this one.
    .enablePositionalOptions()
    .exitOverride()
  const isJson = argv.includes('--json')
  // What is wrong is said in JSON then, by whoever catches it.
  if (isJson) program.configureOutput({ outputError: () => {} })

  program
    .command('gateway')
    .description('serve ExApps at /exapps/, in place of HaRP; settings come from the environment')
    .option('--check', 'validate the settings, print them, and exit')
    .action(async (options: { check?: boolean }) => {
      const { runGateway } = await import('./commands/gateway.ts')
      await runGateway({ checkOnly: options.check === true, version: packageVersion() })
    })

  const demo = program
    .command('demo')
    .description('a gateway with a stand-in Nextcloud and a sample app, for a browser')
    .option('--port <port>', 'port of the demo page')
    .action(async (options: { port?: string }) => {
      const { runDemo } = await import('./commands/demo.ts')
      await runDemo({ port: options.port, version: packageVersion() })
    })
  demo
    .command('sync')
    .description('two devices, a cut cable, and proof of what happened: a story in the terminal')
    .option('--keep', 'leave the stores and proofs of the story where they are')
    .action(async (options: { keep?: boolean }) => {
      const { runDemoSync } = await import('./commands/demo-sync.ts')
      runDemoSync({ keep: options.keep === true })
    })

  const doctorCommand = program
    .command('doctor')
    .description('walk reverse proxy, gateway, Nextcloud and app, and name what is broken with the fix')
    .option('--url <url>', "Nextcloud's public URL, to look through the reverse proxy")
    .option('--app <id>', 'an installed ExApp, to look at the last hop')
    .option('--json', 'one JSON value')
    .action(async (options: { url?: string; app?: string; json?: boolean }) => {
      const { doctor } = await import('./commands/doctor.ts')
      const { url, app } = options
      await doctor({ url, app, json: options.json === true, version: packageVersion() })
    })

  doctorCommand
    .command('sync')
    .description('look for what keeps folders from syncing well, and name it with the fix')
    .option('--json', 'one JSON value')
    .action(async (options: { json?: boolean }) => {
      const { doctorSync } = await import('./commands/doctor-sync.ts')
      await answering(options, () => doctorSync(options))
    })

  const bans = program
    .command('bans')
    .description('addresses that the running gateway does not answer, after too many failures')
    .option('--json', 'one JSON value')
    .action(async (options: { json?: boolean }) => {
      const { listBans } = await import('./commands/bans.ts')
      await listBans({ json: options.json === true })
    })
  bans
    .command('lift')
    .description('end the ban of an address, or of an IPv6 prefix as listed')
    .argument('<address>')
    .action(async (address: string) => {
      const { liftBan } = await import('./commands/bans.ts')
      await liftBan(address)
    })

  const token = program
    .command('token')
    .description('tokens with which single apps and engines log in for tunnels, beside the shared key')
  token
    .command('add')
    .description('make a token and show it, once')
    .option('--app <id>', 'for the tunnel of this ExApp')
    .option('--engine <name>', 'for the tunnel of this remote Docker engine (the name of its proxy)')
    .option('--port <port>', 'the only port the engine may open')
    .option('--json', 'one JSON value')
    .action(async (options: { app?: string; engine?: string; port?: string; json?: boolean }) => {
      const { addToken } = await import('./commands/token.ts')
      const { app, engine, port } = options
      await addToken({ app, engine, port, json: options.json === true })
    })
  token
    .command('list')
    .description('what each token is for, and when it was used last')
    .option('--json', 'one JSON value')
    .action(async (options: { json?: boolean }) => {
      const { listTokens } = await import('./commands/token.ts')
      await listTokens({ json: options.json === true })
    })
  token
    .command('revoke')
    .description('refuse a token from now on, and end its tunnels')
    .argument('<id>')
    .action(async (id: string) => {
      const { revokeToken } = await import('./commands/token.ts')
      await revokeToken(id)
    })

  program
    .command('tunnels')
    .description('tunnels of apps and engines: age, peer, traffic, last error')
    .option('--json', 'one JSON value')
    .action(async (options: { json?: boolean }) => {
      const { listTunnels } = await import('./commands/tunnels.ts')
      await listTunnels({ json: options.json === true })
    })

  program
    .command('engines')
    .description(
      'Docker engines behind the gateway: version, whether they answer, calls under way, last error',
    )
    .option('--json', 'one JSON value')
    .action(async (options: { json?: boolean }) => {
      const { listEngines } = await import('./commands/engines.ts')
      await listEngines({ json: options.json === true })
    })

  program
    .command('apps')
    .description('ExApps that the gateway knows: where they are, how they are reached, last answer and error')
    .option('--json', 'one JSON value')
    .action(async (options: { json?: boolean }) => {
      const { listApps } = await import('./commands/apps.ts')
      await listApps({ json: options.json === true })
    })

  program
    .command('tunnel')
    .description("connect an app behind NAT to the gateway, in place of frpc; reads frpc's own file")
    .requiredOption('-c, --config <file>', "frpc's TOML file")
    .option('--check', 'validate the file, print what is in effect, and exit')
    .action(async (options: { config: string; check?: boolean }) => {
      const { runTunnel } = await import('./commands/tunnel.ts')
      await runTunnel({ file: options.config, checkOnly: options.check === true })
    })

  const certs = program
    .command('certs')
    .description('certificates of the tunnels: what there is, who holds what, and their renewal')
  certs
    .command('status')
    .description('certificates, how long they last, and who connected with which')
    .option('--json', 'one JSON value')
    .action(async (options: { json?: boolean }) => {
      const { showCertificates } = await import('./commands/certs.ts')
      await showCertificates({ json: options.json === true })
    })
  certs
    .command('renew')
    .description('new client files and a new CA beside the old one, which stays accepted until --finish')
    .option('--finish', 'drop the old CA, once every app and engine has the new files')
    .option('--force', 'with --finish: also while some still have old files')
    .option('--json', 'one JSON value')
    .action(async (options: { finish?: boolean; force?: boolean; json?: boolean }) => {
      const { renewCertificates } = await import('./commands/certs.ts')
      const { finish = false, force = false, json = false } = options
      await renewCertificates({ finish, force, json })
    })

  program
    .command('healthcheck')
    .description('exit 0 when the gateway of this environment answers; for containers')
    .action(async () => {
      const { runHealthcheck } = await import('./commands/healthcheck.ts')
      await runHealthcheck()
    })

  addSyncCommands(program, packageVersion())

  try {
    await program.parseAsync([...argv])
  } catch (error) {
    if (error instanceof CommanderError) {
      reportUsage(error, isJson)
      return
    }
    printError(describe(error))
    process.exitCode = 1
  }
}

/** Said already, unless in JSON. Help that was asked for is no error. */
function reportUsage({ exitCode, message }: CommanderError, isJson: boolean): void {
  process.exitCode = exitCode === 0 ? 0 : usageStatus
  if (exitCode === 0 || !isJson) return
  const fix = 'see `harp help`, or `harp <command> --help`'
  reportError(new HarpError('SYNC_USAGE', message.replace(/^error: /, ''), { fix }), true)
}

function describe(error: unknown): string {
  if (error instanceof HarpError) {
    return `ERROR: ${error.message}${error.fix === undefined ? '' : `. Fix: ${error.fix}`} [${error.code}]`
  }
  return `ERROR: ${errorMessage(error)}`
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const parsed: unknown = JSON.parse(text)
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed
    ? String(parsed.version)
    : '0.0.0'
}
