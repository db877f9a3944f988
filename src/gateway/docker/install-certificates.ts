import { z } from 'zod'
import { errorCode, errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { FrpClientFiles } from '../certificates/frp-certificates.ts'
import { noContent, text } from '../control/control-api.ts'
import type { LocalResponse } from '../proxy/local-response.ts'
import { ContainerFiles } from './container-files.ts'
import { containerName } from './container-name.ts'
import { Answered, refusedByEngine } from './engine-problem.ts'
import type { EngineTarget } from './engine-target.ts'
import type { CertificatesPayload } from './payload.ts'
import { installSystemCertificates } from './system-certificates.ts'
import { installTunnelCertificates } from './tunnel-certificates.ts'

export interface InstallContext {
  /** For a new app; null: tunnels are without TLS, so there are none (W32). Throws a HarpError FRP_CERT_…. */
  readonly certificates: () => FrpClientFiles | null
  readonly now: number
  readonly log: Logger
}

const timeoutMs = 120_000
const inspected = z.object({
  State: z.object({ Running: z.boolean() }),
  Config: z.object({ User: z.string().default('') }),
})

/**
 * Contract 4.4.3, without ever starting the app (W31). May be repeated at any time. What goes wrong with the one kind of
 * certificates does not keep the other from the container.
 */
export async function installCertificates(
  engine: EngineTarget,
  payload: CertificatesPayload,
  context: InstallContext,
): Promise<LocalResponse> {
  const container = containerName(payload.names)
  const reply = await engine.request({ method: 'GET', path: `/containers/${container}/json`, timeoutMs })
  if (reply.status === 404) return text(404, `Container '${container}' not found.`)
  const state = inspected.safeParse(reply.json()).data
  if (reply.status !== 200 || state === undefined) throw refusedByEngine('Failed to inspect container', reply)
  const files = new ContainerFiles(engine, container)
  const { now, log } = context

  const system = async (): Promise<void> => {
    if (payload.systemBundle === '') return
    const { systemBundle: bundle } = payload
    await installSystemCertificates({
      engine,
      container,
      files,
      isRunning: state.State.Running,
      bundle,
      now,
      log,
    })
  }
  const tunnel = async (): Promise<void> => {
    const certificates = payload.installFrpCertificates ? tunnelCertificates(context, container) : null
    if (certificates !== null) {
      await installTunnelCertificates(files, state.Config.User, certificates, { now, log })
    }
  }
  const [one] = await Promise.allSettled([system()])
  await tunnel()
  if (one.status === 'rejected') throw one.reason
  return noContent
}

function tunnelCertificates({ certificates, log }: InstallContext, container: string): FrpClientFiles | null {
  try {
    return certificates()
  } catch (error) {
    const problem = errorMessage(error)
    log.error({ code: errorCode(error), container, problem }, 'no tunnel certificates for an app')
    // As the original: where a file is missing, the app gets none.
    if (errorCode(error) === 'FRP_CERT_MISSING') return null
    throw new Answered(text(503, `Tunnel certificates unusable: ${problem}`))
  }
}
