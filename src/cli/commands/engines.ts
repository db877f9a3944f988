import { printable } from '../../base/printable.ts'
import type { EngineStatus } from '../../gateway/index.ts'
import { printLine, printTable } from '../output.ts'
import { connectToGateway, valueOrExplain } from '../running-gateway.ts'

/** `harp engines`: the Docker engines behind the gateway, each asked now. */
export async function listEngines(options: { readonly json: boolean }): Promise<void> {
  const engines = valueOrExplain(await connectToGateway().engines())
  if (engines === null) return
  if (options.json) printLine(JSON.stringify({ engines }))
  else if (engines.length === 0) {
    printLine('No engine is known: HARP_DOCKER_SOCKET is not there, and no tunnel of an engine has come.')
  } else printTable([columns, ...engines.map((engine) => engineRow(engine))])
}

const columns = ['PORT', 'VIA', 'VERSION', 'API', 'REACHABLE', 'BUSY/WAITING', 'LAST ERROR']

export function engineRow({
  port,
  via,
  version,
  reachable,
  busy,
  waiting,
  lastError,
}: EngineStatus): string[] {
  return [
    String(port),
    via,
    version === null ? '-' : printable(version.engine),
    version === null ? '-' : `${version.minApiVersion}-${version.apiVersion}`,
    reachable === null ? '-' : reachable ? 'yes' : 'no',
    `${busy}/${waiting}`,
    lastError === null ? '-' : `${lastError.at} ${printable(lastError.problem)}`,
  ]
}
