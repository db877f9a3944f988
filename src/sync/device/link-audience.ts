import type { LinkHubOptions } from '../link/link-hub.ts'
import type { FolderRegistry } from './folder-registry.ts'
import type { PeerBook } from './peer-book.ts'
import type { PeerHistory } from './peer-history.ts'

type Asked = 'isMember' | 'hasLeft' | 'isBlank' | 'addressesOf' | 'onStream'
type Told = 'onLink' | 'onLinkClosed' | 'onRefused' | 'onDialFailed' | 'onPoke' | 'onProblem'

export interface LinkAudienceParts {
  readonly registry: FolderRegistry
  readonly peers: PeerBook
  readonly history: PeerHistory
}

/** A link is one for all folders that two devices share: whom it serves is asked of all, and all hear of it. */
export function linkAudience({
  registry,
  peers,
  history,
}: LinkAudienceParts): Pick<LinkHubOptions, Asked | Told> {
  return {
    isMember: (peer) => registry.all.some((folder) => folder.peers.isMember(peer)),
    hasLeft: (peer) => registry.all.some((folder) => folder.peers.hasLeft(peer)),
    isBlank: () => registry.all.some((folder) => folder.peers.isBlank),
    addressesOf: (peer) => peers.addressesOf(peer),
    onLink: (link) => {
      peers.linked(link)
      history.linked(link)
      for (const folder of registry.all) folder.peers.linked(link)
    },
    onLinkClosed: (link, reason) => {
      history.unlinked(link, reason)
      for (const folder of registry.all) folder.peers.unlinked(link)
    },
    onDialFailed: (peer, address, outcome) => {
      history.dialFailed()
      peers.dialFailed(peer, address, outcome)
    },
    onRefused: (peer) => {
      history.refusedBy(peer)
      for (const folder of registry.all) folder.peers.refusedBy(peer)
    },
    onStream: (link, topic, stream) => {
      const folder = registry.get(topic.folderId)
      return folder === undefined ? 'no such folder here' : folder.peers.accept(link, stream)
    },
    onPoke: (link) => {
      for (const folder of registry.all) folder.peers.poked(link)
    },
    onProblem: ({ code, peer, message, fix }) => {
      for (const folder of registry.all) {
        if (folder.peers.isMember(peer)) folder.noteLinkProblem({ code, path: '', message, fix })
      }
    },
  }
}
