import type { Clock } from '../../base/clock.ts'
import { errorCode, errorMessage, HarpError } from '../../base/errors.ts'
import type { SyncSettings } from '../config/settings.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { DiscoveryReport } from '../discovery/sighting.ts'
import { examine } from '../doctor/doctor.ts'
import type { FailedFacts, MemberClock } from '../doctor/folder-checks.ts'
import { folderFacts } from '../doctor/folder-facts.ts'
import type { DeviceId } from '../ids.ts'
import type { LinkHub } from '../link/link-hub.ts'
import type { CheckInfo } from './daemon-api.ts'
import type { FailedFolder, FolderRegistry } from './folder-registry.ts'
import type { DeviceHome } from './home.ts'
import { lastHeard } from './peer-answers.ts'

export interface DoctorParts {
  readonly home: DeviceHome
  readonly settings: SyncSettings
  readonly suite: CryptoSuite
  readonly clock: Clock
  readonly registry: FolderRegistry
  readonly hub: () => LinkHub
  readonly discovery: () => DiscoveryReport
  readonly nameOf: (device: DeviceId) => string
}

/** Gathers what `harp doctor sync` looks at in a daemon that runs. */
export async function doctorOf(parts: DoctorParts): Promise<readonly CheckInfo[]> {
  const { home, settings, suite, clock, registry, hub, discovery, nameOf } = parts
  const links = hub().links()
  const clocks = links.flatMap(({ peer }): MemberClock[] => {
    const aheadMs = lastHeard(registry.all, peer)?.clockAheadMs
    return aheadMs === undefined ? [] : [{ name: nameOf(peer), aheadMs }]
  })
  return examine({
    home,
    settings,
    ports: {
      wanted: settings.listen,
      listening: hub().listening,
      reachable: hub().reachable,
      takenIn: links.filter(({ isDialled }) => !isDialled).length,
    },
    discovery: discovery(),
    folders: registry.all.map((folder) => folderFacts(folder, suite, nameOf)),
    broken: registry.failed.map((folder) => failedFacts(folder)),
    clocks,
    now: clock.wall(),
  })
}

function failedFacts({ record, error }: FailedFolder): FailedFacts {
  const fix = (error instanceof HarpError ? error.fix : undefined) ?? 'see the log of harp up'
  return { name: record.name, message: `${errorMessage(error)} [${errorCode(error)}]`, fix }
}
