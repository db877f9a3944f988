/** Where a distribution keeps the certificate authorities it trusts. */
export interface TrustStore {
  /** For the certificates of others, without a leading slash. */
  readonly anchors: string
  /** Makes `bundle` and what else there is of the anchors. */
  readonly update: readonly string[]
  /** All authorities in one file. */
  readonly bundle: string
  /** Where OpenSSL looks authorities up by the hash of their names; null: it uses the bundle there. */
  readonly hashDirectory: string | null
}

const debianLike: TrustStore = {
  anchors: 'usr/local/share/ca-certificates',
  update: ['update-ca-certificates'],
  bundle: '/etc/ssl/certs/ca-certificates.crt',
  hashDirectory: '/etc/ssl/certs',
}
const redHatLike: TrustStore = {
  anchors: 'etc/pki/ca-trust/source/anchors',
  update: ['update-ca-trust', 'extract'],
  bundle: '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  hashDirectory: null,
}

/** By the words in os-release, `ID_LIKE` included; null: not known. */
export function trustStoreOf(osRelease: string): TrustStore | null {
  const text = osRelease.toLowerCase()
  if (/alpine|debian|ubuntu/.test(text)) return debianLike
  if (/centos|almalinux|rhel|fedora/.test(text)) return redHatLike
  return null
}
