import { containerName, volumeName, type AppNames } from '../docker/container-name.ts'

/** How an ExApp's objects are called in the cluster. */
export interface KubernetesNames {
  /** Deployment and Service. */
  readonly deployment: string
  /** PersistentVolumeClaim, shared by all roles. */
  readonly claim: string
  /** The value of the label `part-of`, the same for all roles. */
  readonly partOf: string
  /** Where the volume is mounted: named as Docker's volume, which APP_PERSISTENT_STORAGE counts on. */
  readonly mountPath: string
}

const maxLength = 63

export function kubernetesNames(app: AppNames): KubernetesNames {
  return {
    deployment: kubernetesName(containerName(app)),
    claim: kubernetesName(volumeName(app)),
    partOf: kubernetesName(containerName({ ...app, roleSuffix: '' })),
    mountPath: `/${volumeName(app)}`,
  }
}

/** Any text as the name of an object. */
export function kubernetesName(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .replace(/-+/g, '-')
    .replace(/^-|-$/g, '')
  return plain === '' ? 'exapp' : plain.slice(0, maxLength).replace(/-$/, '')
}
