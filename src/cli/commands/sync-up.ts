import { createLogger, type LogLevel } from '../../base/logger.ts'
import { printable } from '../../base/printable.ts'
import {
  ControlServer,
  deviceText,
  nodeSuite,
  openHome,
  readSettings,
  readSyncEnvironment,
  type DeviceHome,
  type RunningDaemon,
  type SettingFlags,
  type StartDaemon,
} from '../../sync/index.ts'
import { LiveView } from '../live-view.ts'
import { readableLogLine } from '../log-lines.ts'
import { printError, printLine, printRaw, terminalSize } from '../output.ts'
import { cliError } from '../running-daemon.ts'
import { statusLines } from '../status-text.ts'

export interface UpOptions {
  readonly flags: SettingFlags
  readonly json: boolean
  readonly jsonLog: boolean
  readonly version: string
}

const redrawMs = 500
/** Less than the ten seconds that were promised, so that there is time to end. */
const stopMs = 9_000

/** `harp up`: the daemon of this home, until a signal ends it. */
export async function runUp(options: UpOptions, start: StartDaemon): Promise<void> {
  const signals = listenForSignals()
  try {
    await runDaemon(options, start, signals)
  } finally {
    signals.end()
  }
}

async function runDaemon(options: UpOptions, start: StartDaemon, signals: Signals): Promise<void> {
  const environment = readSyncEnvironment()
  const settings = readSettings(environment, options.flags)
  const home = openHome(environment)
  const device = home.readDevice(nodeSuite)
  const lock = home.lock()
  const view = options.json || terminalSize() === undefined ? undefined : new LiveView(terminal)
  const log = createLogger(settings.logLevel ?? usualLevel(view), logTarget(options, view))
  let control: ControlServer | undefined
  let daemon: RunningDaemon | undefined
  try {
    control = new ControlServer({ path: home.placeSocket(), log: log.child('control') })
    await control.start()
    const starting = start({ home, settings, log, version: options.version })
    daemon = await Promise.race([starting, signals.second.then(() => undefined)])
    if (daemon !== undefined) {
      control.serve(daemon.api)
      const name = settings.name ?? device.name
      sayReady({ id: deviceText(nodeSuite, device.deviceId), name }, { daemon, home, json: options.json })
      const redraw = view === undefined ? undefined : drawRepeatedly(view, daemon)
      await signals.first
      clearInterval(redraw)
      view?.end()
    } else process.exitCode = 1
  } finally {
    control?.stop()
    const isStopped = await stopInTime(daemon, signals)
    if (isStopped) lock.release()
    else process.exitCode = 1
  }
}

interface Ready {
  readonly daemon: RunningDaemon
  readonly home: DeviceHome
  readonly json: boolean
}

function sayReady(device: { readonly id: string; readonly name: string }, ready: Ready): void {
  const { daemon, home, json } = ready
  const { listening, admin } = daemon
  printLine(
    json
      ? JSON.stringify({ device, listening, home: home.path, admin })
      : `harp is up: device ${device.id}, listening on ${listening.join(', ')}`,
  )
}

/** False: it was told to end at once, or did not stop in time. What is on disk stands a sudden end. */
async function stopInTime(daemon: RunningDaemon | undefined, signals: Signals): Promise<boolean> {
  if (daemon === undefined) return true
  const { promise: late, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), stopMs)
  const stopped = daemon.stop().then(() => true)
  try {
    return await Promise.race([stopped, late, signals.second.then(() => false)])
  } finally {
    clearTimeout(timer)
  }
}

interface Signals {
  readonly first: Promise<void>
  readonly second: Promise<void>
  end(): void
}

/** From the beginning: a signal during the start is remembered until there is something to stop. */
function listenForSignals(): Signals {
  const first = Promise.withResolvers<void>()
  const second = Promise.withResolvers<void>()
  let count = 0
  const onSignal = (): void => {
    count++
    if (count === 1) first.resolve()
    else second.resolve()
  }
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of names) process.on(name, onSignal)
  const end = (): void => {
    for (const name of names) process.removeListener(name, onSignal)
  }
  return { first: first.promise, second: second.promise, end }
}

const terminal = { write: printRaw, size: () => terminalSize() ?? { columns: 80, rows: 24 } }

function usualLevel(view: LiveView | undefined): LogLevel {
  return view === undefined ? 'info' : 'warn'
}

function logTarget({ jsonLog }: UpOptions, view: LiveView | undefined): { write(line: string): void } {
  const readable = jsonLog ? (line: string) => line.trimEnd() : readableLogLine
  return { write: (line) => (view === undefined ? printError(readable(line)) : view.note(readable(line))) }
}

function drawRepeatedly(view: LiveView, daemon: RunningDaemon): NodeJS.Timeout {
  const draw = (): void => {
    try {
      view.show(['', ...statusLines(daemon.api.status())])
    } catch (error) {
      const problem = cliError('SYNC_INTERNAL', 'the state of the folders cannot be shown', error)
      view.show(['', printable(problem.message)])
    }
  }
  draw()
  return setInterval(draw, redrawMs)
}
