import { randomBytes } from 'node:crypto'
import { systemClock } from '../../base/clock.ts'
import { setTimeout as elapsed } from 'node:timers/promises'
import { errorMessage } from '../../base/errors.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { nodeFileSystem } from '../disk/node-file-system.ts'
import { deviceText } from '../format/device-text.ts'
import type { DeviceId } from '../ids.ts'
import { Invitations } from '../link/invitations.ts'
import { LinkHub } from '../link/link-hub.ts'
import type { FrameStream, Link, StreamTopic } from '../link/link.ts'
import { RateLimit } from '../transfer/rate-limit.ts'
import { ThreadPool } from '../work/thread-pool.ts'
import { DaemonOperations } from './daemon-operations.ts'
import type { DaemonOptions, RunningDaemon } from './daemon-start.ts'
import { FolderRegistry } from './folder-registry.ts'
import { Introductions } from './introductions.ts'
import { PeerBook } from './peer-book.ts'

/** Puts a device together and starts it: folders, threads, links. What fails on the way is undone. */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const daemon = new Daemon(options)
  try {
    await daemon.start()
  } catch (error) {
    await daemon.stop()
    throw error
  }
  return {
    api: daemon.operations,
    get listening() {
      return daemon.hub.listening
    },
    stop: () => daemon.stop(),
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
  readonly #pool: ThreadPool
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
      isMember: (peer) => this.#registry.all.some((folder) => folder.peers.isMember(peer)),
      addressesOf: (peer) => this.#peers.addressesOf(peer),
      onLink: (link) => this.#linked(link),
      onLinkClosed: (link) => {
        for (const folder of this.#registry.all) folder.peers.unlinked(link)
      },
      onStream: (link, topic, stream) => this.#stream(link, topic, stream),
      onPoke: (link) => {
        for (const folder of this.#registry.all) folder.peers.poked(link)
      },
      onJoin: (request) => introductions.admit(request),
      onProblem: ({ code, peer, message, fix }) => {
        for (const folder of this.#registry.all) {
          if (folder.peers.isMember(peer)) folder.noteLinkProblem({ code, path: '', message, fix })
        }
      },
      clock,
      random,
      log: log.child('link'),
    })
    this.operations = new DaemonOperations({
      suite,
      clock,
      registry: this.#registry,
      peers: this.#peers,
      introductions,
      device: { id: deviceText(suite, device.deviceId), name },
      listening: () => this.hub.listening,
      foldersChanged: () => this.#foldersChanged(),
    })
  }

  async start(): Promise<void> {
    this.#registry.openAll()
    await this.hub.start()
    for (const folder of this.#registry.all) folder.start()
    this.#foldersChanged()
    this.#timer = setInterval(() => {
      this.#dialMembers()
      this.#reopenFailed().catch((error: unknown) => {
        this.#options.log.error({ error: errorMessage(error) }, 'cannot open a folder again')
      })
    }, peersMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.hub.stop()
    const stopped = this.#registry.stopAll()
    await Promise.race([stopped, elapsed(stopMs, undefined, { ref: false })])
    // A job that is still running is cut off: what it leaves is what a crash would leave.
    await this.#pool.close()
    await stopped
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

  #linked(link: Link): void {
    this.#peers.linked(link)
    for (const folder of this.#registry.all) folder.peers.linked(link)
  }

  #stream(link: Link, topic: StreamTopic, stream: FrameStream): string {
    const folder = this.#registry.get(topic.folderId)
    return folder === undefined ? 'no such folder here' : folder.peers.accept(link, stream)
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
    for (const folder of this.#registry.all) for (const member of folder.peers.members()) members.add(member)
    this.hub.setPeers(members)
  }
}
