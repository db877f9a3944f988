/** HaRP's Kubernetes settings. While Kubernetes is off, what is wrong in them is only a warning. */
import type { SettingTable } from './setting.ts'

export const kubernetesSettings = {
  HP_K8S_ENABLED: {
    kind: 'boolean',
    default: 'false',
    part: 'kubernetes',
    description: 'ExApps are deployed to Kubernetes. On with `1`, `true` or `yes` in any case.',
  },
  HP_K8S_NAMESPACE: {
    kind: 'text',
    default: 'nextcloud-exapps',
    max: 63,
    part: 'kubernetes',
    description: 'The namespace of the ExApps.',
  },
  HP_K8S_API_SERVER: {
    kind: 'url',
    default: '',
    defaultNote: '`https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT`',
    part: 'kubernetes',
    description: 'The URL of the API server.',
  },
  HP_K8S_CA_FILE: {
    kind: 'path',
    default: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
    part: 'kubernetes',
    description:
      "The certificate authority of the API server; if the file does not exist, the system's authorities.",
  },
  HP_K8S_BEARER_TOKEN: {
    kind: 'secret',
    default: '',
    part: 'kubernetes',
    description: 'The token for the API server. Wins over the file.',
  },
  HP_K8S_BEARER_TOKEN_FILE: {
    kind: 'path',
    default: '/var/run/secrets/kubernetes.io/serviceaccount/token',
    part: 'kubernetes',
    description: 'A file that holds the token, read again for every call.',
  },
  HP_K8S_VERIFY_SSL: {
    kind: 'boolean',
    default: 'true',
    part: 'kubernetes',
    description: "Only `false` (in any case) switches off the check of the API server's certificate.",
  },
  HP_K8S_STORAGE_CLASS: {
    kind: 'text',
    default: '',
    max: 253,
    part: 'kubernetes',
    description: "The storage class of ExApps' volumes. Empty: the cluster's default.",
  },
  HP_K8S_DEFAULT_STORAGE_SIZE: {
    kind: 'text',
    default: '10Gi',
    max: 63,
    part: 'kubernetes',
    description: 'The size of such a volume.',
  },
  HP_K8S_HOST_ALIASES: {
    kind: 'list',
    default: '',
    part: 'kubernetes',
    description:
      "Entries for the ExApps' `/etc/hosts`: `hostname:ip`, separated by commas. An entry without a colon or with an empty half is ignored with a warning.",
  },
} as const satisfies SettingTable
