import { randomBytes } from 'node:crypto'
import { systemClock } from '../../base/clock.ts'
import { setTimeout as elapsed } from 'node:timers/promises'
import { errorMessage } from '../../base/errors.ts'
import { restHeap } from '../../base/heap-at-rest.ts'
import { collectSpentMemory } from '../../base/spent-memory.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { nodeFileSystem } from '../disk/node-file-system.ts'
import { deviceText } from '../format/device-text.ts'
import type { DeviceId } from '../ids.ts'
import { Invitations } from '../link/invitations.ts'
import { LinkHub } from '../link/link-hub.ts'
import { RateLimit } from '../transfer/rate-limit.ts'
import { ThreadPool } from '../work/thread-pool.ts'
import { doctorOf } from './daemon-doctor.ts'
import { DaemonOperations } from './daemon-operations.ts'
import type { DaemonOptions, RunningDaemon } from './daemon-start.ts'
import { FolderRegistry } from './folder-registry.ts'
import { Introductions } from './introductions.ts'
import { linkAudience } from './link-audience.ts'
import { MemberAnswers } from './member-answers.ts'
import { Neighbours } from './neighbours.ts'
import { PeerAnswers } from './peer-answers.ts'
import { PeerBook } from './peer-book.ts'
import { PeerHistory } from './peer-history.ts'
import type { RunningMetrics } from './serve-metrics.ts'

/** Puts a device together and starts it: folders, threads, links. What fails on the way is undone. */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  collectSpentMemory()
  const endRest = restHeap(systemClock)
  const daemon = new Daemon(options)
  const stop = async (): Promise<void> => {
    endRest()
    await daemon.stop()
  }
  try {
    await daemon.start()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    api: daemon.operations,
    get listening() {
      return daemon.hub.listening
    },
    get admin() {
      return daemon.admin
    },
    stop,
  }
}

const peersMs = 2_000
const reopenMs = 15_000
/** For folders to end in good order, and then for the jobs of those that did not: less than the ten seconds of `harp up`. */
const stopMs = 3_000
const closeMs = 2_000

class Daemon {
  readonly hub: LinkHub
  readonly operations: DaemonOperations
  readonly #options: DaemonOptions
  readonly #registry: FolderRegistry
  readonly #peers: PeerBook
  readonly #history: PeerHistory
  readonly #neighbours: Neighbours
  readonly #pool: ThreadPool
  #metrics: RunningMetrics | undefined
  #timer: NodeJS.Timeout | undefined
  #isReopening = false
  #nextReopening = 0

  constructor(options: DaemonOptions) {
    const { home, settings, log } = options
    this.#options = options
    const device = home.readDevice(nodeSuite)
    const name = settings.name ?? device.name
    const clock = systemClock
    const suite = nodeSuite
    const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))
    this.#peers = new PeerBook(home, { deviceId: device.deviceId, name }, (error) =>
      log.warn({ error: errorMessage(error) }, 'addresses of other devices cannot be written down'),
    )
    this.#history = new PeerHistory(clock)
    this.#pool = new ThreadPool({ threads: settings.hashers, closeMs })
    this.#registry = new FolderRegistry(home, {
      keys: device,
      suite,
      random,
      clock,
      log: log.child('folder'),
      fs: nodeFileSystem,
      pool: this.#pool,
      keep: settings.keep,
      rescanMs: settings.rescanMs,
      scrubRate: settings.scrubRate,
      nameOf: (device) => this.#peers.nameOf(device),
      knownDevices: () => this.#peers.all.map(({ id }) => id),
      learned: (device, addresses) => this.#peers.told(device, addresses),
      upload: new RateLimit({ bytesPerSecond: settings.maxUpload, clock }),
      download: new RateLimit({ bytesPerSecond: settings.maxDownload, clock }),
    })
    const introductions = new Introductions({
      suite,
      clock,
      keys: device,
      name,
      registry: this.#registry,
      peers: this.#peers,
      invitations: new Invitations({ suite, store: home.textFile('invitations.json'), clock, random }),
      hub: () => this.hub,
      foldersChanged: () => this.#foldersChanged(),
    })
    this.hub = new LinkHub({
      suite,
      identity: device,
      name,
      listen: { ...settings.listen, isPortOptional: settings.isListenOptional },
      ...linkAudience({ registry: this.#registry, peers: this.#peers, history: this.#history }),
      onJoin: (request) => introductions.admit(request),
      clock,
      random,
      log: log.child('link'),
    })
    this.#neighbours = new Neighbours({
      suite,
      clock,
      keys: device,
      ways: settings.discovery,
      folders: () => this.#registry.all.filter((folder) => !folder.isOut),
      peers: this.#peers,
      hub: this.hub,
      log: log.child('discovery'),
    })
    this.operations = new DaemonOperations({
      suite,
      clock,
      registry: this.#registry,
      peers: this.#peers,
      introductions,
      members: new MemberAnswers({
        suite,
        clock,
        ownId: device.deviceId,
        nameOf: (peer) => this.#peers.nameOf(peer),
        lastLinked: (peer) => this.#history.of(peer)?.endedAt,
        presenceOf: (folder) => folder.presence,
        withdrawInvitations: (folder) => introductions.withdrawOpen(folder.id),
        foldersChanged: () => this.#foldersChanged(),
        sleep: (ms) => elapsed(ms, undefined, { ref: false }),
      }),
      peerAnswers: new PeerAnswers({
        suite,
        clock,
        names: this.#peers,
        history: this.#history,
        folders: () => this.#registry.all,
        linkOf: (device) => this.hub.link(device),
        waysOf: (device) => this.#peers.waysOf(device),
        noDiscovery: () => this.#noDiscovery,
      }),
      doctor: () =>
        doctorOf({
          home,
          settings,
          suite,
          clock,
          registry: this.#registry,
          hub: () => this.hub,
          discovery: () => this.#neighbours.report,
          nameOf: (peer) => this.#peers.nameOf(peer) ?? deviceText(suite, peer).slice(0, 7),
        }),
      device: { id: deviceText(suite, device.deviceId), name },
      listening: () => this.hub.listening,
      discovery: () => this.#neighbours.report,
      foldersChanged: () => this.#foldersChanged(),
    })
  }

  /** Where metrics are told. */
  get admin(): string | undefined {
    return this.#metrics?.address
  }

  get #noDiscovery(): string | undefined {
    const { isOn, problem } = this.#neighbours.report
    return isOn ? problem?.message : 'discovery is switched off'
  }

  async start(): Promise<void> {
    await this.#startMetrics()
    this.#registry.openAll()
    await this.hub.start()
    for (const folder of this.#registry.all) folder.start()
    this.#foldersChanged()
    this.#neighbours.start()
    this.#timer = setInterval(() => {
      this.#dialMembers()
      this.#reopenFailed().catch((error: unknown) => {
        this.#options.log.error({ error: errorMessage(error) }, 'cannot open a folder again')
      })
    }, peersMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#metrics?.stop()
    await Promise.all([this.#neighbours.stop(), this.hub.stop()])
    const stopped = this.#registry.stopAll()
    await Promise.race([stopped, elapsed(stopMs, undefined, { ref: false })])
    // A job that is still running is cut off: what it leaves is what a crash would leave.
    await this.#pool.close()
    await stopped
  }

  async #startMetrics(): Promise<void> {
    const { settings, log } = this.#options
    if (settings.admin === undefined) return
    const { serveMetrics } = await import('./serve-metrics.ts')
    const source = {
      status: () => this.operations.status(),
      counts: () => this.#registry.all.map((folder) => [folder.name, folder.counts()] as const),
      links: () => ({ ...this.#history.totals, open: this.hub.links().length }),
      discovery: () => this.#neighbours.report,
    }
    this.#metrics = await serveMetrics(settings.admin, source, log)
  }

  /** A disk that was full or away may be well again. */
  async #reopenFailed(): Promise<void> {
    const now = performance.now()
    const failed = this.#registry.all.filter((folder) => folder.hasFault)
    const count = failed.length + this.#registry.failed.length
    if (count === 0 || this.#isReopening || now < this.#nextReopening) return
    this.#isReopening = true
    try {
      for (const folder of failed) (await this.#registry.reopen(folder))?.start()
      for (const folder of this.#registry.openFailed()) folder.start()
      this.#foldersChanged()
    } finally {
      this.#nextReopening = performance.now() + reopenMs
      this.#isReopening = false
    }
  }

  #foldersChanged(): void {
    this.#dialMembers()
    for (const link of this.hub.links()) {
      for (const folder of this.#registry.all) folder.peers.meet(link)
      link.poke()
    }
  }

  /** Members come and go with the logs. */
  #dialMembers(): void {
    const members = new Set<DeviceId>()
    for (const folder of this.#registry.all) {
      if (!folder.isOut) for (const member of folder.peers.members()) members.add(member)
    }
    this.hub.setPeers(members)
    this.#neighbours.follow(members)
  }
}
