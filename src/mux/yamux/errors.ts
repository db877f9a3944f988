/**
 * The stable error codes of yamux sessions and streams, what each means, what an admin does about it, and
 * the go-away code that the peer is told (null: nothing is sent). A code is never reused for something else.
 */
import { HarpError, type ErrorEntry } from '../../base/errors.ts'
import { goAwayCode } from './frame.ts'

export interface YamuxErrorEntry extends ErrorEntry {
  readonly goAway: number | null
}

export const yamuxErrors = {
  YAMUX_PROTOCOL_ERROR: {
    summary: 'The peer sent bytes that are not yamux, or frames that contradict each other.',
    fix: 'Check that both ends have the same transport settings (tcpMux, TLS), and that nothing between them changes bytes.',
    goAway: goAwayCode.protocolError,
  },
  YAMUX_WINDOW_EXCEEDED: {
    summary: 'The peer sent more bytes on a stream than it was allowed to.',
    fix: 'Report it to the makers of the client: its flow control is broken.',
    goAway: goAwayCode.protocolError,
  },
  YAMUX_RESET_FLOOD: {
    summary: 'The peer opened and reset streams faster than any honest client does.',
    fix: 'Look at the client at that address: it is broken, or it is an attack.',
    goAway: goAwayCode.protocolError,
  },
  YAMUX_CONTROL_FLOOD: {
    summary: 'The peer keeps asking for answers and does not read them.',
    fix: 'Look at the client at that address: it hangs, or it is an attack.',
    goAway: null,
  },
  YAMUX_PEER_ERROR: {
    summary: 'The peer ended the session and gave an error as the reason.',
    fix: "Look at the peer's log at the same time.",
    goAway: null,
  },
  YAMUX_CONNECTION_LOST: {
    summary: 'The connection under the session ended or broke while streams were open.',
    fix: 'Usually a restart of the peer or of the network; it should reconnect by itself. If not, look at its log.',
    goAway: null,
  },
  YAMUX_KEEP_ALIVE_TIMEOUT: {
    summary: 'The peer gave no sign of life in time: its machine or the network is gone, or it hangs.',
    fix: 'Check the network between the two machines, and idle limits of firewalls and NAT on the way.',
    goAway: null,
  },
  YAMUX_WRITE_TIMEOUT: {
    summary: 'The peer takes no more bytes: the network is gone or too slow, or it hangs.',
    fix: 'Check the network between the two machines, and whether the peer is overloaded.',
    goAway: null,
  },
  YAMUX_OPEN_TIMEOUT: {
    summary: 'The peer did not acknowledge a new stream in time.',
    fix: 'Check whether the peer is overloaded or hangs.',
    goAway: null,
  },
  YAMUX_CLOSE_TIMEOUT: {
    summary: 'The last bytes of a stream could not be sent: the peer did not take them.',
    fix: 'Check whether the app behind the stream still reads.',
    goAway: null,
  },
  YAMUX_STREAM_RESET: {
    summary: 'The peer reset the stream.',
    fix: "Usually the app behind it closed its connection early; look at the app's log.",
    goAway: null,
  },
  YAMUX_BUFFER_LIMIT: {
    summary: 'Too many streams of one session wait for slow readers; the one that needed more was reset.',
    fix: 'Look for readers that hang, or spread the load over several apps.',
    goAway: null,
  },
  YAMUX_STREAM_LIMIT: {
    summary: 'The session has as many open streams as it may have.',
    fix: 'Look for requests that never end; otherwise spread the load over several apps.',
    goAway: null,
  },
  YAMUX_GOING_AWAY: {
    summary: 'The session takes no new streams, because one of the two ends is stopping.',
    fix: 'Try again: the peer reconnects after its restart.',
    goAway: null,
  },
  YAMUX_SESSION_CLOSED: {
    summary: 'The session is closed.',
    fix: 'Try again once the peer is connected.',
    goAway: null,
  },
} as const satisfies Readonly<Record<string, YamuxErrorEntry>>

export type YamuxErrorCode = keyof typeof yamuxErrors

const retryable: ReadonlySet<YamuxErrorCode> = new Set([
  'YAMUX_CONNECTION_LOST',
  'YAMUX_STREAM_LIMIT',
  'YAMUX_GOING_AWAY',
  'YAMUX_SESSION_CLOSED',
])

/** An error whose fix is the table's. */
export function yamuxError(code: YamuxErrorCode, message: string, cause?: unknown): HarpError {
  return new HarpError(code, message, {
    fix: yamuxErrors[code].fix,
    retryable: retryable.has(code),
    ...(cause === undefined ? {} : { cause }),
  })
}
