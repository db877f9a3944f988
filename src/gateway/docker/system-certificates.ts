/**
 * Makes a container trust Nextcloud's certificates. In a running one its distribution's own program does the work. In
 * one that does not run nothing is started for it: the files that this program would make are written instead.
 */
import type { X509Certificate } from 'node:crypto'
import type { Logger } from '../../base/logger.ts'
import type { ContainerFiles } from './container-files.ts'
import { execute } from './exec.ts'
import type { EngineTarget } from './engine-target.ts'
import { trustStoreOf, type TrustStore } from './os-release.ts'
import { pemOf, readBundle } from './pem-bundle.ts'
import { subjectHash } from './subject-hash.ts'
import { maxNameBytes, type TarFile } from './tar.ts'

export interface SystemCertificatesOptions {
  readonly engine: EngineTarget
  readonly container: string
  readonly files: ContainerFiles
  readonly isRunning: boolean
  /** PEM, as Nextcloud has it. */
  readonly bundle: string
  readonly now: number
  readonly log: Logger
}

const maxOsReleaseBytes = 262_144
const maxTrustBytes = 16 * 1_048_576

export async function installSystemCertificates(options: SystemCertificatesOptions): Promise<void> {
  const { engine, container, files, isRunning, bundle, now, log } = options
  const osRelease = await files.find('/etc/os-release', maxOsReleaseBytes)
  const store = trustStoreOf(osRelease?.text ?? '')
  if (store === null) {
    log.info({ container }, 'distribution of the image not known: system certificates skipped')
    return
  }
  const { certificates, skipped } = readBundle(bundle)
  if (skipped > 0) {
    log.warn({ container, skipped }, 'blocks of the bundle that are no certificate authority skipped')
  }
  if (certificates.length === 0) return
  const anchors = certificates.map((each, index) => plainFile(anchorPath(store, index), pemOf(each)))
  if (!isRunning) {
    const trusted = await trustedFiles(store, files, certificates)
    if (trusted === null) log.info({ container }, 'the image has no bundle of authorities to add to')
    await files.write([...anchors, ...(trusted ?? [])], now)
    return
  }
  await files.write(anchors, now)
  const exitCode = await execute(engine, container, store.update)
  if (exitCode !== 0) {
    log.warn({ container, exitCode, command: store.update.join(' ') }, 'update of authorities failed')
  }
}

/** What follows from the anchors; null: the image trusts nobody so far. The bundle comes last: it says what is done. */
async function trustedFiles(
  store: TrustStore,
  files: ContainerFiles,
  certificates: readonly X509Certificate[],
): Promise<TarFile[] | null> {
  const bundle = await files.find(store.bundle, maxTrustBytes)
  // NOTE: a link in the image says where it is; an archive has no room for longer names.
  if (bundle === null || Buffer.byteLength(bundle.path) > maxNameBytes) return null
  const known = new Set(readBundle(bundle.text).certificates.map((each) => each.fingerprint256))
  const added = certificates.flatMap((certificate, index) =>
    known.has(certificate.fingerprint256) ? [] : [{ certificate, index }],
  )
  if (added.length === 0) return []
  const whole = `${bundle.text.trimEnd()}\n${added.map((each) => pemOf(each.certificate)).join('')}`
  return [...(await hashLinks(store, files, added)), plainFile(bundle.path.slice(1), whole)]
}

/** As `openssl rehash` makes them: `{hash}.{n}`, with the first n that is free. */
async function hashLinks(
  { anchors, hashDirectory }: TrustStore,
  files: ContainerFiles,
  added: readonly { readonly certificate: X509Certificate; readonly index: number }[],
): Promise<TarFile[]> {
  if (hashDirectory === null) return []
  const entries = (await files.list(`${hashDirectory}/.`, maxTrustBytes)) ?? []
  const taken = new Set(entries.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)))
  const directory = hashDirectory.slice(1)
  return added.flatMap(({ certificate, index }) => {
    const hash = subjectHash(certificate)
    if (hash === null) return []
    let number = 0
    while (taken.has(`${hash}.${number}`)) number += 1
    taken.add(`${hash}.${number}`)
    const name = `${anchorName(index)}.pem`
    return [
      link(`${directory}/${name}`, `/${anchors}/${anchorName(index)}.crt`),
      link(`${directory}/${hash}.${number}`, name),
    ]
  })
}

function anchorName(index: number): string {
  return `custom_ca_cert_${index}`
}

function anchorPath({ anchors }: TrustStore, index: number): string {
  return `${anchors}/${anchorName(index)}.crt`
}

function plainFile(path: string, content: string): TarFile {
  return { path, kind: 'file', content, mode: 0o644 }
}

function link(path: string, target: string): TarFile {
  return { path, kind: 'link', target, mode: 0o777 }
}
