import type { CheckInfo } from '../device/daemon-api.ts'
import type { DiscoveryReport } from '../discovery/sighting.ts'
import type { ProbedInterface, ProbeMulticast } from './multicast-probe.ts'
import { ok, some, warning } from './outcome.ts'

/** Whether devices of the local networks can find each other. Warnings only: those with a known address need none of it. */
export async function checkMulticast(
  report: DiscoveryReport,
  probe: ProbeMulticast,
): Promise<readonly CheckInfo[]> {
  const name = 'discovery'
  if (!report.isOn) return [ok(name, 'off: only devices whose addresses are known are reached')]
  if (report.problem !== undefined) return [warning(name, report.problem.message, report.problem.fix)]
  const found: CheckInfo[] = report.interfaces.flatMap(({ name: device, beaconProblem, mdnsProblem }) => {
    const problems = [
      ...(beaconProblem === undefined ? [] : [`beacons: ${beaconProblem}`]),
      ...(mdnsProblem === undefined ? [] : [`mDNS: ${mdnsProblem}`]),
    ]
    if (problems.length === 0) return []
    // One of the two is enough.
    if (problems.length === 1) return [ok(name, `${device}: the other way works; ${problems[0] ?? ''}`)]
    return [warning(name, `${device}: ${problems.join('; ')}`, multicastFix(device))]
  })
  const well = report.interfaces.filter(({ beaconProblem }) => beaconProblem === undefined)
  const shown = `${report.sent} beacons sent, ${report.heard} heard`
  return [...found, await checkLoop(well, probe, shown)]
}

/** Without a daemon. */
export async function checkLoop(
  places: readonly ProbedInterface[],
  probe: ProbeMulticast,
  shown = 'what is sent is heard again',
): Promise<CheckInfo> {
  const name = 'multicast'
  if (places.length === 0) {
    return warning(name, 'there is no network on which devices could be found', 'connect a network')
  }
  const outcomes = await Promise.all(places.map((place) => probe(place)))
  const deaf = places.filter((_place, index) => outcomes[index] !== undefined)
  const [first] = deaf
  if (first === undefined) return ok(name, `${some(places.map((place) => place.name))}: ${shown}`)
  const why = [...new Set(outcomes.flatMap((outcome) => outcome ?? []))].join(', ')
  const where = some(deaf.map((place) => place.name))
  return warning(name, `not heard on ${where} (${why})`, multicastFix(first.name))
}

function multicastFix(device: string): string {
  return `sudo ip link set ${device} multicast on; and let UDP ports 22784 and 5353 through the firewall`
}
