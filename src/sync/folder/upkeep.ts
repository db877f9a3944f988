import type { DeviceId } from '../ids.ts'
import { Gathering, type GatheringParts } from './gathering.ts'
import { Healing, type HealingParts } from './healing.ts'
import { Retention, type RetentionParts } from './retention.ts'
import { Scrub, type ScrubParts } from './scrub.ts'
import { Settling, type SettlingParts } from './settling.ts'
import { removeTemporaries } from './temporaries.ts'

export interface UpkeepParts
  extends
    Omit<SettlingParts, 'chunks'>,
    RetentionParts,
    GatheringParts,
    Omit<ScrubParts, 'onDamage'>,
    HealingParts {
  /** Whether temporary files may be there that nobody goes on with; asked when nothing is being fetched. */
  readonly takeLeft: () => boolean
  readonly isConnected: (device: DeviceId) => boolean
  /** The folder has something else to do, or ends. */
  readonly isOver: () => boolean
}

/** What upkeep has come to since the start, for those who watch. */
export interface UpkeepCounters {
  readonly scrubbedBytes: number
  /** When all content was read last; undefined: not once yet. Milliseconds of the Unix epoch. */
  readonly scrubbedAt: number | undefined
  /** Found damaged: chunks, and files. */
  readonly damaged: number
  readonly healed: number
  /** Damaged now. */
  readonly damagedNow: number
  readonly freedBytes: number
  /** Versions that are kept for members that want them and do not have them yet, by the last look. */
  readonly heldForOthers: number
  readonly gatheredBytes: number
}

/** Milliseconds. Tests make them shorter. */
export const upkeepTimes = {
  firstRetention: 10 * 60_000,
  retention: 60 * 60_000,
  /** After one that was cut short. */
  retentionAgain: 5 * 60_000,
  gathering: 10_000,
  gatheringAgain: 10 * 60_000,
}

/** What is done for a folder when there is nothing else to do. */
export class Upkeep {
  readonly #parts: UpkeepParts
  readonly #settling: Settling
  readonly #retention: Retention
  readonly #gathering: Gathering
  readonly #scrub: Scrub
  readonly #healing: Healing
  #nextRetention: number
  #nextGathering: number
  #isRunning = false
  #freedBytes = 0
  #heldForOthers = 0
  #gatheredBytes = 0

  constructor(parts: UpkeepParts) {
    this.#parts = parts
    this.#settling = new Settling(parts)
    this.#retention = new Retention(parts)
    this.#gathering = new Gathering(parts)
    this.#healing = new Healing(parts)
    this.#scrub = new Scrub({ ...parts, onDamage: () => this.#healing.retry() })
    this.#nextRetention = parts.clock.monotonic() + upkeepTimes.firstRetention
    this.#nextGathering = parts.clock.monotonic() + upkeepTimes.gathering
  }

  get counters(): UpkeepCounters {
    const { chunks } = this.#parts
    const { bytes, lastPassAt } = this.#scrub.counters
    const { damage } = chunks
    const { chunks: healedChunks, files } = this.#healing.healed
    return {
      scrubbedBytes: bytes,
      scrubbedAt: lastPassAt,
      damaged: damage.found,
      healed: healedChunks + files,
      damagedNow: damage.chunks + damage.files,
      freedBytes: this.#freedBytes,
      heldForOthers: this.#heldForOthers,
      gatheredBytes: this.#gatheredBytes,
    }
  }

  /** Something was found damaged by somebody else. */
  damageFound(): void {
    this.#healing.retry()
  }

  /** A device came that may have what is missing here, or keeps something for us. */
  retry(): void {
    this.#healing.retry()
    const soon = this.#parts.clock.monotonic() + upkeepTimes.gathering
    this.#nextGathering = Math.min(this.#nextGathering, soon)
  }

  stop(): void {
    this.#healing.stop()
  }

  /** Whatever else goes on: what is fetched may be what heals. */
  async heal(): Promise<void> {
    await this.#healing.tick()
  }

  /** When there is nothing else to do. */
  async tick(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      await this.#work()
    } finally {
      this.#isRunning = false
    }
  }

  async #work(): Promise<void> {
    const { clock, fs, root, isOver, takeLeft } = this.#parts
    if (takeLeft()) removeTemporaries(fs, root)
    await this.#settling.tick()
    if (!isOver()) await this.#scrub.tick()
    if (!isOver() && clock.monotonic() >= this.#nextGathering) await this.#gather()
    if (!isOver() && clock.monotonic() >= this.#nextRetention) await this.#retain()
  }

  async #gather(): Promise<void> {
    const { clock, log, isOver } = this.#parts
    this.#nextGathering = clock.monotonic() + upkeepTimes.gatheringAgain
    const bytes = await this.#gathering.run(isOver)
    this.#gatheredBytes += bytes
    if (bytes > 0) log.info({ bytes }, 'content of old versions taken over')
  }

  async #retain(): Promise<void> {
    const { clock, keep, log, isOver } = this.#parts
    this.#nextRetention = clock.monotonic() + upkeepTimes.retention
    if (keep === 'all' || !this.#retention.mayFind) return
    const report = await this.#retention.run(isOver)
    if (!report.isWhole) this.#nextRetention = clock.monotonic() + upkeepTimes.retentionAgain
    else this.#heldForOthers = report.heldForOthers
    this.#freedBytes += report.freedBytes
    if (report.freedBytes > 0) log.info({ freed: report.freedBytes }, 'content of old versions dropped')
  }
}
