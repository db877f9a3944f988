/** Why a call to a Kubernetes cluster failed: the codes, what each means and what an admin does about it. */
import { HarpError, type ErrorEntry } from '../../base/errors.ts'

export const kubernetesErrors = {
  KUBERNETES_NOT_CONFIGURED: {
    summary: 'A Kubernetes route was called while Kubernetes is off, or without an API server or a token.',
    fix: 'Set HP_K8S_ENABLED, and HP_K8S_API_SERVER and HP_K8S_BEARER_TOKEN_FILE where the gateway runs outside of the cluster.',
  },
  KUBERNETES_UNREACHABLE: {
    summary: 'No connection to the Kubernetes API: refused, no route, unknown name, or TLS failed.',
    fix: 'Check HP_K8S_API_SERVER and HP_K8S_CA_FILE; `harp doctor` shows which of them it is.',
  },
  KUBERNETES_TIMEOUT: {
    summary: 'The Kubernetes API did not accept the connection, or did not answer, in time.',
    fix: 'Look for an overloaded control plane, or a firewall or NetworkPolicy that drops packets to it.',
  },
  KUBERNETES_BUSY: {
    summary: 'So many calls wait for the Kubernetes API that no more are taken.',
    fix: 'Look for a slow control plane; the calls are few in ordinary use.',
  },
  KUBERNETES_BAD_ANSWER: {
    summary: 'What answers as the Kubernetes API sent something else than its objects, or far too much.',
    fix: 'Check that HP_K8S_API_SERVER is the API server, and look at proxies in between.',
  },
  KUBERNETES_REFUSED: {
    summary: 'The Kubernetes API refused a call; its status and the missing right are in the message.',
    fix: 'Give the service account of the gateway the right that is named; `harp doctor` checks all of them.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>

export type KubernetesErrorCode = keyof typeof kubernetesErrors

/** An error whose fix is the catalogue's. */
export function kubernetesError(
  code: KubernetesErrorCode,
  message: string,
  options: { readonly cause?: unknown; readonly retryable?: boolean } = {},
): HarpError {
  const retryable = code !== 'KUBERNETES_NOT_CONFIGURED' && code !== 'KUBERNETES_REFUSED'
  return new HarpError(code, message, { retryable, ...options, fix: kubernetesErrors[code].fix })
}

/** What AppAPI is told of it. */
export function kubernetesProblem(error: HarpError): string {
  const isOurs = error.code === 'KUBERNETES_NOT_CONFIGURED' || error.code === 'KUBERNETES_REFUSED'
  return isOurs ? error.message : `Error communicating with Kubernetes API: ${error.message}`
}
