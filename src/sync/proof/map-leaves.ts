import type { CryptoSuite } from '../crypto/suite.ts'
import type { EntryHash, NodeId } from '../ids.ts'
import { type MapLeaf, mapPlace } from './map-path.ts'
import { StateMap } from './state-map.ts'
import { VersionChains } from './version-chain.ts'

/** What the map needs of a tree. */
export interface ContentSource {
  /** Content nodes whose versions or heads changed since the last call. */
  takeChangedContent(): readonly NodeId[]
  /** Undefined, or without versions, for a node that is not there or is no content. */
  contentState(node: NodeId): ContentState | undefined
}

export interface ContentState {
  /** Sorted. */
  readonly heads: readonly EntryHash[]
  /** In order. */
  readonly versions: readonly { readonly entry: { readonly hash: EntryHash } }[]
}

/** Keeps the state map in step with a tree: what changed is looked at again when a root or a path is wanted. */
export class MapLeaves {
  readonly #suite: Pick<CryptoSuite, 'hash'>
  readonly #mapKey: Uint8Array
  readonly #source: ContentSource
  readonly #map: StateMap
  readonly #chains: VersionChains

  /** `source` must report through `takeChangedContent` to nobody else, for it reports each change once. */
  constructor(suite: Pick<CryptoSuite, 'hash'>, mapKey: Uint8Array, source: ContentSource) {
    this.#suite = suite
    this.#mapKey = mapKey
    this.#source = source
    this.#map = new StateMap(suite)
    this.#chains = new VersionChains(suite)
  }

  place(node: NodeId): string {
    return mapPlace(this.#suite, this.#mapKey, node)
  }

  /** The leaf of a node as it stands now; undefined if it has no versions. */
  leaf(node: NodeId): MapLeaf | undefined {
    const state = this.#source.contentState(node)
    if (state === undefined || state.versions.length === 0) return undefined
    const { heads, versions } = state
    return { heads, count: versions.length, chain: this.#chains.value(node, versions) }
  }

  /** The map, up to date. */
  map(): StateMap {
    for (const node of this.#source.takeChangedContent()) {
      const leaf = this.leaf(node)
      if (leaf === undefined) {
        this.#chains.forget(node)
        this.#map.delete(this.place(node))
      } else {
        this.#map.set(this.place(node), leaf)
      }
    }
    return this.#map
  }

  root(): string {
    return this.map().root()
  }
}
