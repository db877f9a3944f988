import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { errorMessage, HarpError } from '../base/errors.ts'
import { printError } from './output.ts'

/** The command line: one file per command, loaded when it is called. Sets `process.exitCode`, never exits. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('harp')
  program.description('The direct data path for Nextcloud.').version(packageVersion())

  program
    .command('gateway')
    .description('serve ExApps at /exapps/, in place of HaRP; settings come from the environment')
    .option('--check', 'validate the settings, print them, and exit')
    .action(async (options: { check?: boolean }) => {
      const { runGateway } = await import('./commands/gateway.ts')
      await runGateway({ checkOnly: options.check === true, version: packageVersion() })
    })

  program
    .command('demo')
    .description('a gateway with a stand-in Nextcloud and a sample app, for a browser')
    .option('--port <port>', 'port of the demo page')
    .action(async (options: { port?: string }) => {
      const { runDemo } = await import('./commands/demo.ts')
      await runDemo({ port: options.port, version: packageVersion() })
    })

  program
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

  program
    .command('healthcheck')
    .description('exit 0 when the gateway of this environment answers; for containers')
    .action(async () => {
      const { runHealthcheck } = await import('./commands/healthcheck.ts')
      await runHealthcheck()
    })

  try {
    await program.parseAsync([...argv])
  } catch (error) {
    printError(describe(error))
    process.exitCode = 1
  }
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
