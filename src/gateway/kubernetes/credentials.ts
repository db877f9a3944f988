/** The account of the gateway in the cluster: files that Kubernetes replaces while we run, so they are read for every call. */
import { readFile } from 'node:fs/promises'
import { errorCode } from '../../base/errors.ts'
import { Secret } from '../../base/secret.ts'
import type { KubernetesConfig } from '../config/config.ts'
import { kubernetesError } from './errors.ts'

type CredentialFiles = Pick<KubernetesConfig, 'bearerToken' | 'bearerTokenFile' | 'caFile'>

const maxFileBytes = 1_048_576

/** Rejects with KUBERNETES_NOT_CONFIGURED where there is none, or none that can be sent. */
export async function readToken({ bearerToken, bearerTokenFile }: CredentialFiles): Promise<Secret> {
  if (bearerToken !== null) return bearerToken
  const text = 'Kubernetes token is not configured.'
  let token: string
  try {
    token = (await readText(bearerTokenFile)).trim()
  } catch (error) {
    const isMissing = errorCode(error) === 'ENOENT'
    const reason = isMissing ? 'does not exist' : `cannot be read: ${errorCode(error)}`
    throw kubernetesError('KUBERNETES_NOT_CONFIGURED', `${text} ${bearerTokenFile} ${reason}`, {
      cause: error,
      retryable: !isMissing,
    })
  }
  if (/^[\x21-\x7e]+$/.test(token)) return new Secret(token)
  const reason = token === '' ? 'is empty' : 'holds something else'
  throw kubernetesError('KUBERNETES_NOT_CONFIGURED', `${text} ${bearerTokenFile} ${reason}`)
}

/** null: the file does not exist, so the system's authorities are to be used. */
export async function readAuthority({ caFile }: CredentialFiles): Promise<string | null> {
  let authority: string
  try {
    authority = await readText(caFile)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw kubernetesError(
      'KUBERNETES_UNREACHABLE',
      `HP_K8S_CA_FILE ${caFile} cannot be read: ${errorCode(error)}`,
      { cause: error },
    )
  }
  // NOTE: Node takes an empty text for none, and would trust every public authority with the token.
  if (authority.trim() !== '') return authority
  throw kubernetesError('KUBERNETES_UNREACHABLE', `HP_K8S_CA_FILE ${caFile} is empty`)
}

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path)
  if (bytes.length > maxFileBytes) throw Object.assign(new Error('too large'), { code: 'EFBIG' })
  return bytes.toString('utf8')
}
