import type { Row } from '../row.ts'
import { appApiFrontRows } from './app-api-front.ts'
import { appapiSignedRows } from './appapi-signed.ts'
import { banAndAddressRows } from './bans-and-addresses.ts'
import { dataPathRows } from './data-path.ts'
import { dockerRows } from './docker.ts'
import { engineRows } from './engine.ts'
import { framingRows } from './framing.ts'
import { kubernetesRows } from './kubernetes.ts'
import { lookupRows } from './lookups.ts'
import { operationRows } from './operation.ts'
import { pathAndAppIdRows } from './path-and-app-id.ts'
import { processRows } from './process.ts'
import { transportRows } from './transport.ts'
import { tunnelRows } from './tunnels.ts'
import { userAndRouteRows } from './users-and-routes.ts'
import { weaknessRows } from './weaknesses.ts'

/** Every applicable row of the contract's 9.1-9.8 (56 and 161 do not apply to one process), and the fixed weaknesses. */
export const allRows: readonly Row[] = [
  ...pathAndAppIdRows,
  ...userAndRouteRows,
  ...lookupRows,
  ...appapiSignedRows,
  ...banAndAddressRows,
  ...appApiFrontRows,
  ...engineRows,
  ...dockerRows,
  ...kubernetesRows,
  ...tunnelRows,
  ...transportRows,
  ...processRows,
  ...weaknessRows,
  ...operationRows,
  ...dataPathRows,
  ...framingRows,
].toSorted((a, b) => rank(a) - rank(b))

function rank(row: Row): number {
  if (typeof row.row === 'number') return row.row
  return (row.row.startsWith('W') ? 1_000 : 2_000) + Number(row.row.slice(1))
}
