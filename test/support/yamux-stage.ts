/** Where a yamux session is tested: the wires it runs on, the clock, and how a test waits. */
import type { Clock } from '../../src/base/clock.ts'
import type { Deadline } from '../../src/base/deadlines.ts'
import type { YamuxLimits } from '../../src/mux/yamux/limits.ts'
import { YamuxSession } from '../../src/mux/yamux/session.ts'
import type { YamuxStream } from '../../src/mux/yamux/stream.ts'
import type { Wire } from '../../src/net/wire.ts'
import { MemoryLink, type MemoryLinkOptions } from './memory-link.ts'
import { NaivePeer } from './naive-yamux.ts'
import { VirtualTime } from './virtual-time.ts'
import { WireRecorder } from './wire-recorder.ts'

export interface MuxStage {
  readonly clock: Clock
  readonly near: Wire
  readonly far: Wire
  watch(deadline: Deadline): void
  unwatch(deadline: Deadline): void
  until(what: string, probe: () => boolean): Promise<void>
  settle(): Promise<void>
  close(): Promise<void>
}

export interface MemoryStage extends MuxStage {
  readonly time: VirtualTime
  readonly link: MemoryLink
}

export function memoryStage(options: MemoryLinkOptions = {}): MemoryStage {
  const time = new VirtualTime()
  const link = new MemoryLink(time, options)
  return {
    clock: time,
    time,
    link,
    near: link.near,
    far: link.far,
    watch: (deadline) => time.watch(deadline),
    unwatch: (deadline) => time.unwatch(deadline),
    until: (what, probe) => time.until(what, probe),
    settle: () => time.advance(4 * link.lagMs + 1),
    close: () => time.advance(0),
  }
}

export interface MuxOptions {
  readonly role?: 'client' | 'server'
  readonly limits?: Partial<YamuxLimits>
  /** Called inside onStream, after the recorder became the handler. */
  readonly onStream?: (stream: YamuxStream, recorder: WireRecorder) => void
  readonly onClose?: () => void
}

/** A session on one of the wires, with a recorder on every stream it is given. */
export class RecordedSession {
  readonly session: YamuxSession
  readonly accepted: YamuxStream[] = []
  readonly recorders = new Map<number, WireRecorder>()
  readonly closes: (Error | null)[] = []
  readonly broken: string[] = []

  constructor(stage: MuxStage, wire: Wire, options: MuxOptions = {}) {
    this.session = new YamuxSession(wire, {
      role: options.role ?? 'server',
      clock: stage.clock,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      onStream: (stream) => {
        this.accepted.push(stream)
        const recorder = this.#record(stream)
        options.onStream?.(stream, recorder)
      },
      onClose: (error) => {
        this.closes.push(error)
        if (this.closes.length > 1) this.broken.push('the session closed twice')
        for (const [id, each] of this.recorders) {
          if (!each.isClosed) this.broken.push(`the session closed before stream ${id}`)
        }
        stage.unwatch(this.session)
        options.onClose?.()
      },
    })
    stage.watch(this.session)
  }

  open(): { readonly stream: YamuxStream; readonly recorder: WireRecorder } {
    const stream = this.session.open()
    return { stream, recorder: this.#record(stream) }
  }

  recorder(id: number): WireRecorder {
    const recorder = this.recorders.get(id)
    if (recorder === undefined) throw new Error(`no stream ${id}`)
    return recorder
  }

  get isClosed(): boolean {
    return this.closes.length > 0
  }

  /** All that broke the order of events, on the session and on its streams. */
  get faults(): string[] {
    return this.broken.concat(
      ...[...this.recorders].map(([id, { broken }]) => broken.map((each) => `stream ${id}: ${each}`)),
    )
  }

  #record(stream: YamuxStream): WireRecorder {
    if (this.recorders.has(stream.id)) this.broken.push(`stream ${stream.id} given twice`)
    const recorder = new WireRecorder()
    this.recorders.set(stream.id, recorder)
    stream.setHandler(recorder)
    return recorder
  }
}

export interface MuxFixture {
  readonly stage: MuxStage
  readonly mux: RecordedSession
  readonly session: YamuxSession
  readonly peer: NaivePeer
}

export function fixtureOn(stage: MuxStage, options: MuxOptions = {}): MuxFixture {
  const mux = new RecordedSession(stage, stage.near, options)
  return { stage, mux, session: mux.session, peer: new NaivePeer(stage.far) }
}
