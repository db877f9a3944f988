import type { Clock } from '../../base/clock.ts'
import { errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { parseEnginePort } from '../access/engine-allow-list.ts'
import type { FrpClientFiles } from '../certificates/frp-certificates.ts'
import type { GatewayConfig } from '../config/config.ts'
import { defaultBodyLimit, text, type ControlCall, type ControlRoute } from '../control/control-api.ts'
import type { Engines } from '../engine/engines.ts'
import type { LocalResponse } from '../proxy/local-response.ts'
import { AppTunnelTokens, type Tokens } from './app-tunnel-token.ts'
import {
  containerExists,
  removeContainer,
  removeImage,
  startContainer,
  stopContainer,
} from './container-life.ts'
import { containerName, type AppNames } from './container-name.ts'
import { ContainerQueue } from './container-queue.ts'
import { createContainer } from './create-container.ts'
import { Answered, engineFailure } from './engine-problem.ts'
import type { EngineTarget } from './engine-target.ts'
import { installCertificates } from './install-certificates.ts'
import {
  parseCertificates,
  parseCreate,
  parseImageRef,
  parseNames,
  parseRemove,
  type Parsed,
} from './payload.ts'
import { waitForStart } from './wait-for-start.ts'

export interface DockerRoutesOptions {
  readonly engines: Pick<Engines, 'client' | 'versionOf'>
  /** For the tunnel of a new app; null: tunnels are without TLS. Throws a HarpError FRP_CERT_…. */
  readonly certificates: () => FrpClientFiles | null
  readonly config: Pick<
    GatewayConfig,
    'bindMounts' | 'frpRequireTokens' | 'dockerSocket' | 'stateDir' | 'certsDir'
  >
  readonly tokens: Tokens
  readonly clock: Clock
  readonly log: Logger
}

/** CA bundles are large (W28). */
const certificateBodyLimit = 16 * 1_048_576
const maxWaitingPerContainer = 16

type Work<Payload> = (engine: EngineTarget, payload: Payload, call: ControlCall) => Promise<LocalResponse>

/** `/docker/exapp/…`: what AppAPI has done to the containers of ExApps (contract 4.4). */
export function dockerRoutes(options: DockerRoutesOptions): ControlRoute[] {
  const { config, clock, log, engines, certificates } = options
  const tokens = new AppTunnelTokens(options.tokens, config.frpRequireTokens, log)
  const queue = new ContainerQueue(maxWaitingPerContainer)
  const ownPaths = [
    ...(config.dockerSocket === null ? [] : [config.dockerSocket]),
    config.stateDir,
    `${config.certsDir}/frp`,
  ]

  const route = <Payload>(
    name: string,
    parse: (body: Buffer) => Parsed<Payload>,
    work: Work<Payload>,
    maxBodyBytes = defaultBodyLimit,
  ): ControlRoute => ({
    methods: ['POST'],
    pattern: new RegExp(`^/docker/exapp/${name}$`),
    maxBodyBytes,
    handle: async (body, _match, call) => {
      const port = enginePort(call.enginePort)
      if (typeof port !== 'number') return port
      const parsed = parse(body)
      if (parsed.kind === 'bad') return text(400, parsed.text)
      try {
        return await work(engines.client(port), parsed.value, call)
      } catch (error) {
        if (error instanceof Answered) return error.response
        const failure = engineFailure(error, port)
        if (failure !== null) return failure
        if (call.signal.aborted) throw error
        log.error({ route: name, port, problem: errorMessage(error) }, 'Docker request failed')
        return text(500, 'An unexpected error occurred; the log of the gateway says more.')
      }
    },
  })

  /** One change of a container at a time. Once begun it goes on to its end, whether or not the client stays. */
  const inTurn =
    <Payload>(namesOf: (payload: Payload) => AppNames, work: Work<Payload>): Work<Payload> =>
    async (engine, payload, call) => {
      const name = containerName(namesOf(payload))
      const done = await queue.run(`${engine.port} ${name}`, call.signal, () => work(engine, payload, call))
      return done ?? text(503, `Too many requests for container '${name}' wait for each other`)
    }
  const byName = (work: Work<AppNames>): Work<AppNames> => inTurn((names) => names, work)

  return [
    route('exists', parseNames, (engine, names, call) => containerExists(engine, names, call.signal)),
    route(
      'create',
      parseCreate,
      inTurn(
        ({ names }) => names,
        (engine, payload) =>
          createContainer(engine, payload, { bindMounts: config.bindMounts, ownPaths, tokens }),
      ),
    ),
    route('start', parseNames, byName(startContainer)),
    route('stop', parseNames, byName(stopContainer)),
    route('wait_for_start', parseNames, (engine, names, call) =>
      waitForStart(engine, names, {
        clock,
        signal: call.signal,
        isPodman: async () => (await engines.versionOf(engine.port)).engine.startsWith('Podman'),
      }),
    ),
    route(
      'remove',
      parseRemove,
      inTurn(
        ({ names }) => names,
        (engine, payload) => removeContainer(engine, payload, () => tokens.removed(payload.names)),
      ),
    ),
    route('image_remove', parseImageRef, removeImage),
    route(
      'install_certificates',
      parseCertificates,
      inTurn(
        ({ names }) => names,
        (engine, payload) => installCertificates(engine, payload, { certificates, now: clock.wall(), log }),
      ),
      certificateBodyLimit,
    ),
  ]
}

/** The port in the header, or what is wrong with it. */
function enginePort(header: string): number | LocalResponse {
  if (header === '') return text(400, "Missing 'docker-engine-port' header.")
  const parsed = parseEnginePort(header)
  switch (parsed.kind) {
    case 'port':
      return parsed.port
    case 'invalid':
      return text(400, `Invalid 'docker-engine-port' header value: ${header.slice(0, 64)}`)
    case 'forbidden':
      return text(403, `Port ${header} is no Docker Engine's: those have ports 24000 to 24099`)
  }
}
