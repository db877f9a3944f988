/** What `POST /containers/create` is given for an ExApp (contract 4.4.1): nothing of it is taken over unseen. */
import { volumeName } from './container-name.ts'
import type { CreatePayload } from './payload.ts'

/** Networks that know no aliases. */
const plainNetworks: ReadonlySet<string> = new Set(['host', 'bridge', 'none', 'default'])
const rocmDevices = ['/dev/kfd', '/dev/dri'] as const

export function containerBody(
  payload: CreatePayload,
  environment: readonly string[],
): Record<string, unknown> {
  const { names, networkMode } = payload
  const volume = volumeName(names)
  const mounts = payload.mounts.map(({ source, target, isReadOnly }) => ({
    Source: source,
    Target: target,
    Type: 'bind',
    ReadOnly: isReadOnly,
  }))
  return {
    Image: payload.image,
    Hostname: names.name,
    Env: environment,
    HostConfig: {
      NetworkMode: networkMode,
      Mounts: [{ Type: 'volume', Source: volume, Target: `/${volume}`, ReadOnly: false }, ...mounts],
      RestartPolicy: { Name: payload.restartPolicy },
      ...devices(payload.computeDevice),
      ...(payload.memory === undefined ? {} : { Memory: payload.memory }),
      ...(payload.nanoCpus === undefined ? {} : { NanoCPUs: payload.nanoCpus }),
    },
    // Where the gateway shares the network, the alias is the address of the app.
    ...(plainNetworks.has(networkMode)
      ? {}
      : { NetworkingConfig: { EndpointsConfig: { [networkMode]: { Aliases: [names.name] } } } }),
  }
}

function devices(computeDevice: CreatePayload['computeDevice']): object {
  switch (computeDevice) {
    case 'cpu':
      return {}
    case 'cuda':
      return { DeviceRequests: [{ Driver: 'nvidia', Count: -1, Capabilities: [['compute', 'utility']] }] }
    case 'rocm':
      return {
        Devices: rocmDevices.map((device) => ({
          PathOnHost: device,
          PathInContainer: device,
          CgroupPermissions: 'rwm',
        })),
      }
  }
}
