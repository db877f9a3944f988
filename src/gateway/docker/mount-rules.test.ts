import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BindMountConfig } from '../config/config.ts'
import { normalPath } from '../config/host-path.ts'
import { mountProblem } from './mount-rules.ts'

const open: BindMountConfig = { isDisabled: false, allowed: [], denied: [], enforceAll: false }

function problem(
  source: string,
  changes: Partial<BindMountConfig> = {},
  mode: 'ro' | 'rw' = 'rw',
  own: readonly string[] = [],
): string | null {
  const normal = normalPath(source) ?? 'no path'
  return mountProblem(
    { source: normal, target: '/x', isReadOnly: mode === 'ro' },
    { ...open, ...changes },
    own,
  )
}

test.each([
  '/srv/models',
  '/mnt/data',
  '/home/alice/pictures',
  '/opt/app',
  '/media/disk',
  '/data',
  '/var/www/html',
  '/tmp/x',
  '/var/lib/docker/volumes/nextcloud/_data',
  '/procurement',
  '/etcetera',
])('%s can be mounted writable', (source) => {
  expect(problem(source)).toBeNull()
})

test.each([
  '/etc/ssl/certs',
  '/etc/localtime',
  '/etc/letsencrypt/live',
  '/usr/share/fonts',
  '/run/postgresql',
])('%s can be mounted read-only, unless all is enforced', (source) => {
  expect(problem(source, {}, 'ro')).toBeNull()
  expect(problem(source, {}, 'rw')).toContain('mount it read-only')
  expect(problem(source, { enforceAll: true }, 'ro')).toContain('HP_EXAPP_BIND_MOUNTS_ENFORCE_ALL')
  expect(problem(source, { enforceAll: true, allowed: [source] }, 'rw')).toBeNull()
})

test.each([
  '/',
  '//',
  '/./',
  '/srv/../..',
  '/etc',
  '/etc/',
  '/etc/shadow',
  '/etc/../etc//sudoers.d/x',
  '/proc',
  '/proc/1/root',
  '/sys/fs/cgroup',
  '/dev',
  '/dev/sda',
  '/boot',
  '/root',
  '/root/.ssh',
  '/run',
  '/var/run',
  '/run/docker.sock',
  '/var/run/docker.sock',
  '/var/../var/run//./docker.sock',
  '/run/podman/podman.sock',
  '/run/user/1000/docker.sock',
  '/home/alice/.docker/run/docker.sock',
  '/var',
  '/var/lib',
  '/var/lib/docker',
  '/var/lib/docker/overlay2',
  '/var/lib/docker/volumes',
  '/var/lib/docker/volumes/../overlay2',
  '/run/containerd/containerd.sock',
  '/run/systemd/private',
  '/run/snapd.socket',
  '/run/k3s',
  '/etc/shadow-',
  '/var/spool',
  '/var/lib/lxd/unix.socket',
  '/var/lib/docker/volumes/x',
  '/var/lib/docker/volumes/x/opts.json',
  '/var/lib/docker/volumes/metadata.db',
  '/var/lib/docker/volumes/backingFsBlockDev',
  '/var/lib/docker/volumes/x/_data/../opts.json',
])('%s is refused always, read-only and allowed by name too', (source) => {
  expect(problem(source)).toContain('power over the host')
  expect(problem(source, { allowed: ['/', source] }, 'ro')).toContain('power over the host')
})

test('what is the gateway’s own is refused, with what contains it', () => {
  const own = ['/opt/engine/own.sock', '/var/run/other.sock']

  expect(problem('/opt/engine/own.sock', {}, 'ro', own)).toContain('/opt/engine/own.sock')
  expect(problem('/opt', {}, 'ro', own)).not.toBeNull()
  expect(problem('/run/other.sock', {}, 'ro', own)).not.toBeNull()
  expect(problem('/opt/engine/data', {}, 'ro', own)).toBeNull()
})

test('only what is listed is allowed, once a list is given', () => {
  const allowed = ['/srv/models', '/mnt']

  expect(problem('/srv/models', { allowed })).toBeNull()
  expect(problem('/mnt/a/b', { allowed })).toBeNull()
  expect(problem('/srv', { allowed })).toContain('HP_EXAPP_BIND_MOUNTS_ALLOWED')
  expect(problem('/srv/modelsX', { allowed })).toContain('HP_EXAPP_BIND_MOUNTS_ALLOWED')
  expect(problem('/mnt/../srv', { allowed })).toContain('HP_EXAPP_BIND_MOUNTS_ALLOWED')
})

test('what is denied wins over what is allowed, with all below and above it', () => {
  const lists = { allowed: ['/srv'], denied: ['/srv/private'] }

  expect(problem('/srv/public', lists)).toBeNull()
  for (const source of ['/srv/private', '/srv/private/x', '/srv']) {
    expect(problem(source, lists)).toContain('HP_EXAPP_BIND_MOUNTS_DENIED has /srv/private')
  }
  expect(problem('/data', { denied: ['/'] })).not.toBeNull()
})

test('nothing can be mounted where bind mounts are disabled', () => {
  expect(problem('/srv/models', { isDisabled: true, allowed: ['/srv'] })).toContain('_DISABLED')
})

test('volumes of others are refused where all is enforced', () => {
  expect(problem('/var/lib/docker/volumes/x/_data', { enforceAll: true })).toContain('_ENFORCE_ALL')
})

test('only the whole of a volume can be mounted unlisted: in its own an app can put a link to /', () => {
  const link = '/var/lib/docker/volumes/nc_app_foo_data/_data/link'

  expect(problem(link, {}, 'ro')).toContain('HP_EXAPP_BIND_MOUNTS_ALLOWED')
  expect(problem(link, { allowed: ['/var/lib/docker/volumes/nc_app_foo_data/_data/link'] })).toBeNull()
  expect(problem('/var/lib/containers/storage/volumes/x/_data')).toBeNull()
})

test('a long path does not push the cause out of sight', () => {
  const text = `Payload validation error: ${problem(`/srv/${'x'.repeat(300)}`, { isDisabled: true })}`

  expect(text.slice(0, 120)).toContain('HP_EXAPP_BIND_MOUNTS_DISABLED')
})

test('no spelling of a refused path is allowed', () => {
  const piece = fc.constantFrom('/', '/./', '//', '/x/../', '/./x/.././')
  fc.assert(
    fc.property(piece, piece, fc.constantFrom('', '/', '/.', '/x/..'), (one, two, end) => {
      expect(problem(`${one}var${two}run/docker.sock${end}`)).not.toBeNull()
      expect(problem(`${one}etc${two}shadow${end}`)).not.toBeNull()
    }),
  )
})

test.each(['', 'srv', './srv', '~/x', 'C:\\x', '/a\0b', '/a\nb', `/${'x'.repeat(5000)}`])(
  '%j is no path',
  (path) => {
    expect(normalPath(path)).toBeNull()
  },
)
