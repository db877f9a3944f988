/**
 * The chunk protocol: heads of frames on a stream of type `chunks`. The end that opened the stream asks, the other
 * answers, in the order of the questions. Every id that was asked for gets an answer, also after a CANCEL.
 */
export type ChunkMessage = Want | Chunks | WantList | ListPart | Cancel

/** Numbers of requests grow. */
export interface Want {
  readonly type: 'want'
  readonly request: number
  /** 32 bytes each. */
  readonly ids: Uint8Array
}

/**
 * Sealed chunks, one after the other in the payload: those of the request from `first` on. Without any chunk it says
 * that the answer is on its way.
 */
export interface Chunks {
  readonly type: 'chunks'
  readonly request: number
  readonly first: number
  /** Bytes of each; 0 where the chunk is not here. */
  readonly lengths: readonly number[]
}

/** A part of a long list of chunk ids. */
export interface WantList {
  readonly type: 'want-list'
  readonly request: number
  /** SHA3-256 of the whole list, 64 hex digits. */
  readonly hash: string
  readonly offset: number
  readonly length: number
}

/** The payload is the part, shorter than asked for at the end of the list. */
export interface ListPart {
  readonly type: 'list'
  readonly request: number
  readonly offset: number
  /** Bytes of the whole list; 0: it is not here. */
  readonly total: number
}

/** What is left of the request is answered as if it were not here. */
export interface Cancel {
  readonly type: 'cancel'
  readonly request: number
}
