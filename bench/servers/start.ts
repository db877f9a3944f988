/** The servers behind what is measured, each in a process of its own. */
import { fileURLToPath } from 'node:url'
import { accepts, OwnProcess } from '../own-process.ts'

/** `place`: a port of loopback, or the path of a Unix socket. */
export async function startStreamServer(place: number | string): Promise<OwnProcess> {
  return startScript('stream-server', place, [])
}

/** `apps`: the port where a gateway reaches each of them. */
export async function startNextcloud(
  port: number,
  key: string,
  apps: Readonly<Record<string, number>>,
): Promise<OwnProcess> {
  const places = Object.entries(apps).map(([app, appPort]) => `${app}=${appPort}`)
  return startScript('nextcloud-server', port, [key, ...places])
}

async function startScript(
  name: string,
  place: number | string,
  args: readonly string[],
): Promise<OwnProcess> {
  const path = fileURLToPath(new URL(`${name}.ts`, import.meta.url))
  return OwnProcess.start({
    name,
    command: process.execPath,
    args: [path, String(place), ...args],
    isScript: true,
    isReady: () => accepts(place),
  })
}
