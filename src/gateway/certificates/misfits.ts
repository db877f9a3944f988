import { HarpError } from '../../base/errors.ts'
import { gatewayError } from '../errors.ts'
import { attempt, type FrpFiles } from './frp-files.ts'
import { serverName } from './issue.ts'

/** What does not fit together although each file can be read, so that one side will refuse the other. Pure. */
export function misfitsOf(files: FrpFiles): readonly HarpError[] {
  const problems: string[] = []
  const [server, client, authorities] = [
    attempt(() => files.pair('server')),
    attempt(() => files.pair('client')),
    attempt(() => files.certificates('ca.crt')),
  ]
  if (!(server instanceof HarpError)) {
    const name = files.pathOf('server.crt')
    if (server.authority === null) {
      problems.push(`${name} does not verify under ca.crt: clients will refuse it`)
    }
    if (server.certificate.checkHost(serverName) === undefined) {
      problems.push(`${name} is not for the name ${serverName}: clients will refuse it`)
    }
  }
  if (!(client instanceof HarpError) && client.authority === null) {
    problems.push(`${files.pathOf('client.crt')} does not verify under ca.crt: the gateway would refuse it`)
  }
  if (!(authorities instanceof HarpError) && authorities.some((each) => !each.ca)) {
    problems.push(`${files.pathOf('ca.crt')} has a certificate that is not a CA`)
  }
  return problems.map((what) => gatewayError('FRP_CERT_MISMATCH', what))
}
