/** Where and how discovery speaks. The first six are the format (docs/spec/discovery.md); the rest bounds its cost. */
export const beaconPort = 22_784
/** Of the link: routers pass neither on. */
export const beaconGroups = { ipv4: '239.255.104.112', ipv6: 'ff12::6861:7270' } as const
export const mdnsPort = 5_353
export const mdnsService = '_harp._tcp.local'
export const tagLength = 8

export const discoveryLimits = {
  /** Others are neither told nor recognised. */
  members: 1_024,
  tagsOfBeacon: 128,
  /** The whole answer stays in one frame of Ethernet. */
  tagsOfService: 88,
  /** Tags are filled up to this many, and then to the next power of two. */
  fewestTags: 4,
  /** Those with IPv4 first, by name; those beyond are named as unused. */
  interfaces: 16,
  /** Well-formed datagrams that are looked at. */
  beaconsPerSecond: 100,
  /** Messages of mDNS that name the service. */
  servicePacketsPerSecond: 50,
  serviceBytes: 9_000,
  /** Of one message: services, and addresses of one of them. */
  servicesOfPacket: 16,
  addressesOfService: 4,
  recordsOfPacket: 64,
  /** Own ones that are known again. */
  nonces: 512,
} as const

/** All in milliseconds. */
export const discoveryTimes = {
  /** After a start, a new interface or a new member: at once, and then after so long. */
  beginMs: [1_000, 2_000],
  beaconMs: 30_000,
  queryMs: 300_000,
  /** A part of each interval, to either side. */
  jitter: 0.2,
  /** Who was asked waits so long at least and at most. */
  answerFirstMs: 100,
  answerLastMs: 500,
  /** Between two answers on one interface. */
  answerGapMs: 1_000,
  lookMs: 5_000,
  /** What could not be opened is tried again. */
  retryMs: 60_000,
  /** For a goodbye to leave. */
  goodbyeMs: 200,
  serviceTtlSeconds: 120,
} as const
