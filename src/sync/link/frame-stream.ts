import type { Wire } from '../../net/wire.ts'
import type { DeviceId } from '../ids.ts'
import { FramePipe } from './frame-pipe.ts'
import { encodeFrame, FrameReader } from './frames.ts'
import type { FrameFault, FrameStep } from './frames.ts'
import type { FrameHandler, FrameStream, StreamTopic } from './link.ts'
import { frameLimits } from './link-limits.ts'
import { decodeTopic, encodeTopic } from './stream-topic.ts'

export interface FrameStreamParts {
  readonly wire: Wire
  readonly peer: DeviceId
  /** The other end broke the rules: the link has to go. */
  readonly onFault: (fault: FrameFault | 'bad-topic') => void
}

/** One stream of a link with its topic: frames within the limits of its type. */
export class LinkFrameStream implements FrameStream {
  readonly peer: DeviceId
  readonly topic: StreamTopic
  readonly #pipe: FramePipe

  constructor(parts: FrameStreamParts, topic: StreamTopic, reader?: FrameReader) {
    this.peer = parts.peer
    this.topic = topic
    this.#pipe = new FramePipe(parts.wire, {
      limits: frameLimits[topic.type],
      onFault: parts.onFault,
      ...(reader === undefined ? {} : { reader }),
    })
  }

  setHandler(handler: FrameHandler): void {
    this.#pipe.setHandler(handler)
  }

  send(head: Uint8Array, payload?: Uint8Array, isSpent = false): boolean {
    return this.#pipe.send(head, payload, isSpent)
  }

  pause(): void {
    this.#pipe.pause()
  }

  resume(): void {
    this.#pipe.resume()
  }

  close(reason?: string): void {
    this.#pipe.close(reason)
  }
}

/** The opener's end: the topic leaves before anything else. */
export function openFrameStream(parts: FrameStreamParts, topic: StreamTopic): LinkFrameStream {
  parts.wire.write(encodeFrame(encodeTopic(topic)))
  return new LinkFrameStream(parts, topic)
}

/**
 * The other end: waits for the topic. `onStream` hears of it once; a stream that ends before, or has no topic in time, is
 * dropped.
 */
export function acceptFrameStream(
  parts: FrameStreamParts,
  topicMs: number,
  onStream: (stream: LinkFrameStream) => void,
): void {
  const { wire } = parts
  const reader = new FrameReader(frameLimits.topic)
  const timer = setTimeout(() => wire.destroy(), topicMs)
  timer.unref()
  const onStep = (step: FrameStep): void => {
    if (step === 'more') return
    clearTimeout(timer)
    const topic = step === 'frame' ? decodeTopic(reader.head) : undefined
    if (topic !== undefined) onStream(new LinkFrameStream(parts, topic, reader))
    else {
      wire.destroy()
      if (step !== 'end') parts.onFault(step === 'frame' ? 'bad-topic' : step)
    }
  }
  wire.setHandler({
    onData: (chunk) => {
      reader.push(chunk)
      onStep(reader.next())
    },
    onEnd: () => wire.destroy(),
    onDrain: () => {},
    onClose: () => clearTimeout(timer),
  })
}
