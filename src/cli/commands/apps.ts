import { printable } from '../../base/printable.ts'
import type { AppStatus } from '../../gateway/index.ts'
import { printLine, printTable } from '../output.ts'
import { connectToGateway, valueOrExplain } from '../running-gateway.ts'
import { formatAge } from './tunnels.ts'

/** `harp apps`: the ExApps that the gateway knows, and how it fares with them. */
export async function listApps(options: { readonly json: boolean }): Promise<void> {
  const apps = valueOrExplain(await connectToGateway().apps())
  if (apps === null) return
  if (options.json) printLine(JSON.stringify({ apps }))
  else if (apps.length === 0) printLine('No app is known yet: they are asked for as requests come.')
  else printTable([columns, ...apps.map((app) => appRow(app))])
}

const columns = [
  'ID',
  'VERSION',
  'ADDRESS',
  'ROUTE',
  'TUNNEL',
  'STATE',
  'REQUESTS',
  'LAST STATUS',
  'LAST ERROR',
]

export function appRow(app: AppStatus): string[] {
  const { tunnel, lastStatus, lastError } = app
  return [
    printable(app.id),
    printable(app.version),
    printable(app.address),
    app.route,
    tunnel === null ? '-' : tunnelText(tunnel),
    app.state,
    String(app.requests),
    lastStatus === null ? '-' : `${lastStatus.status} ${lastStatus.at}`,
    lastError === null ? '-' : `${lastError.at} ${printable(lastError.problem)}`,
  ]
}

function tunnelText({ state, ageSeconds, lastSeen }: NonNullable<AppStatus['tunnel']>): string {
  return state === 'open' ? `open ${formatAge(ageSeconds)}` : `lost ${lastSeen}`
}
