/** What an ExApp's tunnel client needs, at /certs/frp in its container: the key is for the user it runs as alone. */
import type { Logger } from '../../base/logger.ts'
import type { FrpClientFiles } from '../certificates/frp-certificates.ts'
import type { ContainerFiles } from './container-files.ts'
import { needsAccounts, ownerOf, root, type FileOwner } from './image-user.ts'

const directory = 'certs/frp'
const maxAccountBytes = 1_048_576

/** `user`: the container's `Config.User`. */
export async function installTunnelCertificates(
  files: ContainerFiles,
  user: string,
  certificates: FrpClientFiles,
  context: { readonly now: number; readonly log: Logger },
): Promise<void> {
  const owner = await findOwner(files, user)
  if (owner === null) {
    context.log.warn(
      { user },
      'user of the image not found: every user in the container can read the tunnel key',
    )
  }
  const { uid, gid } = owner ?? root
  const of = (name: keyof FrpClientFiles, mode: number): Parameters<ContainerFiles['write']>[0][number] => ({
    path: `${directory}/${name}`,
    kind: 'file',
    content: certificates[name],
    mode,
    owner: { uid, gid },
  })
  await files.write(
    [
      { path: directory, kind: 'directory', mode: 0o755, owner: { uid, gid } },
      of('ca.crt', 0o644),
      of('client.crt', 0o644),
      of('client.key', owner === null ? 0o644 : 0o600),
    ],
    context.now,
  )
}

/** null: the image has no such user. */
async function findOwner(files: ContainerFiles, user: string): Promise<FileOwner | null> {
  if (!needsAccounts(user)) return ownerOf(user, '', '')
  const passwd = await files.find('/etc/passwd', maxAccountBytes)
  const group = user.includes(':') ? await files.find('/etc/group', maxAccountBytes) : null
  return ownerOf(user, passwd?.text ?? '', group?.text ?? '')
}
