/**
 * Every label that goes into a hash, a signature or a key derivation. None is used for two things, so that nothing
 * signed or hashed for one purpose can be shown for another. Each ends in NUL and none is a prefix of another.
 */
function label(name: string): Uint8Array {
  return new TextEncoder().encode(`harp/${name}/1\0`)
}

export const labels = {
  /** hash: a device id, of the public signing key */
  device: label('device'),
  /** hash: the check characters of a device id in text */
  deviceText: label('device-text'),
  /** signature: a device's X25519 key, by its Ed25519 key */
  agreement: label('agreement'),
  /** hash: prev_hash of the first entry of a chain */
  chain: label('chain'),
  /** signature: the head of a batch */
  head: label('head'),
  /** signature: a statement */
  statement: label('statement'),
  /** hash: a statement, as the next one names it */
  statementHash: label('statement-hash'),
  /** hash: a frontier */
  frontier: label('frontier'),
  /** hash: an epoch id, of the epoch key */
  epoch: label('epoch'),
  /** derivation: the secret of one entry's body, from an epoch key */
  body: label('body'),
  /** hash: the salt of one entry's body, keyed, of its text */
  bodySalt: label('body-salt'),
  /** derivation: the AES key of a body, from its secret */
  bodyKey: label('body-key'),
  /** hash: commitment to the secret of a body, so that one ciphertext opens to one text only */
  bodyCommitment: label('body-commitment'),
  /** derivation: the AES key that wraps an epoch key for one device */
  wrap: label('wrap'),
  /** derivation: the AES key under which a rekey keeps earlier epoch keys */
  previousKeys: label('previous-keys'),
  /** derivation: the key of the state map, from the first epoch key */
  map: label('map'),
  /** hash: a node's place in the state map, keyed */
  mapPlace: label('map-place'),
  /** hash: a leaf of the state map */
  mapLeaf: label('map-leaf'),
  /** hash: an inner node of the state map */
  mapBranch: label('map-branch'),
  /** hash: the root of an empty state map */
  mapEmpty: label('map-empty'),
  /** signature: a snapshot */
  snapshot: label('snapshot'),
  /** derivation: the AES key of a snapshot */
  snapshotKey: label('snapshot-key'),
  /** hash: the checksum of a join code */
  joinCode: label('join-code'),
  /** mac: what an invitation is called, keyed with its secret */
  invitationId: label('invitation-id'),
  /** mac: the key of the two proofs, keyed with an invitation's secret */
  invitationKey: label('invitation-key'),
  /** export: the bytes of a TLS session that the proofs are bound to */
  joinChannel: label('join-channel'),
  /** mac: the joiner knows the secret */
  joinProof: label('join-proof'),
  /** mac: the inviter knows it as well */
  joinAnswer: label('join-answer'),
  /** derivation: what keys the names of a folder's chunks, from the first epoch key */
  content: label('content'),
  /** derivation: the seed of a folder's chunk boundaries, from the first epoch key */
  boundaries: label('boundaries'),
  /** derivation: the AES key of a chunk, from the keyed hash of its plaintext; the context of BLAKE3's own derivation */
  chunkKey: label('chunk-key'),
  /** associated data: a sealed chunk */
  chunk: label('chunk'),
  /** derivation: the key of the tags by which two devices know each other's beacons, from what their keys agree on */
  discovery: label('discovery'),
  /** derivation: the tag of one hour and one of the two as sender */
  discoveryTag: label('discovery-tag'),
  /** derivation: what fills a list of tags up, from random bytes that nobody else has */
  discoveryFiller: label('discovery-filler'),
} as const
