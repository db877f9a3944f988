/**
 * The image of a sample ExApp, made of what this machine has: busybox, Node, and the project's own sources for
 * `harp tunnel` and the demo's app. Its files count as Debian's.
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeTar } from '../../src/gateway/docker/tar.ts'
import { makeSelfSigned } from '../support/self-signed.ts'
import type { DockerDaemon } from './docker-daemon.ts'

const project = fileURLToPath(new URL('../../', import.meta.url))
const commands = ['cat', 'id', 'ls', 'sh', 'sleep', 'stat', 'test', 'true', 'false']
const appUser = 1000
export const trustedBundle = '/etc/ssl/certs/ca-certificates.crt'

/** Lines of a Dockerfile after FROM, by the name of the variant. */
export const variants = {
  root: '',
  user: 'USER app',
  healthy: 'HEALTHCHECK --interval=1s --timeout=5s --retries=60 CMD test -S /tmp/exapp.sock',
  unhealthy: 'HEALTHCHECK --interval=1s --timeout=5s --retries=1 CMD false',
  ends: 'ENTRYPOINT ["false"]',
} as const

export type Variant = keyof typeof variants

const changes = new URLSearchParams([
  ['changes', 'ENV PATH=/usr/local/bin:/bin'],
  ['changes', 'ENTRYPOINT ["/start.sh"]'],
])

/** Imports the image and makes its variants, `{repository}:{variant}`. */
export async function importSampleImage(engine: DockerDaemon, repository: string): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'harp-image-'))
  try {
    await Promise.all([addSystem(root), addNode(root), addHarp(root)])
    await importDirectory(engine, root, `${repository}:base`)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
  for (const [name, lines] of Object.entries(variants)) {
    await buildImage(engine, `${repository}:${name}`, `FROM ${repository}:base\n${lines}\n`)
  }
}

/** An image without a program, for calls that start nothing. */
export async function importTinyImage(engine: DockerDaemon, name: string): Promise<void> {
  const body = writeTar([{ path: 'hello', kind: 'file', content: name, mode: 0o644 }], Date.now())
  await succeed(engine, `/images/create?fromSrc=-&${nameQuery(name)}&changes=CMD+%5B%22%2Fhello%22%5D`, body)
}

/** Pushes all of the names, then forgets them here, so that they have to be pulled. */
export async function publish(
  engine: DockerDaemon,
  names: readonly { readonly local: string; readonly remote: string }[],
): Promise<void> {
  for (const { local, remote } of names) {
    await engine.call('POST', `/images/${local}/tag?${nameQuery(remote, 'repo')}`)
    const [repository, tag] = split(remote)
    await succeed(engine, `/images/${repository}/push?tag=${tag}`, Buffer.alloc(0), {
      'x-registry-auth': Buffer.from('{}').toString('base64'),
    })
    await engine.call('DELETE', `/images/${remote}`)
  }
}

async function buildImage(engine: DockerDaemon, name: string, dockerfile: string): Promise<void> {
  const body = writeTar([{ path: 'Dockerfile', kind: 'file', content: dockerfile, mode: 0o644 }], Date.now())
  await succeed(engine, `/build?t=${encodeURIComponent(name)}`, body)
}

async function importDirectory(engine: DockerDaemon, root: string, name: string): Promise<void> {
  const tar = spawn('tar', ['-C', root, '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] })
  await succeed(engine, `/images/create?fromSrc=-&${nameQuery(name)}&${changes.toString()}`, tar.stdout)
}

/** What is said along the way has the failure, after a status of 200. */
async function succeed(
  engine: DockerDaemon,
  path: string,
  body: Buffer | NonNullable<ReturnType<typeof spawn>['stdout']>,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const said = (await engine.call('POST', path, { body, headers })).body.toString()
  if (said.includes('"error"')) throw new Error(`${path}: ${said.slice(-1_000)}`)
}

function nameQuery(name: string, key = 'repo'): string {
  const [repository, tag] = split(name)
  return new URLSearchParams({ [key]: repository, tag }).toString()
}

function split(name: string): [string, string] {
  const colon = name.lastIndexOf(':')
  return [name.slice(0, colon), name.slice(colon + 1)]
}

async function addSystem(root: string): Promise<void> {
  for (const each of ['bin', 'etc/ssl/certs', 'usr/local/bin', 'usr/local/share/ca-certificates']) {
    await mkdir(join(root, each), { recursive: true })
  }
  await mkdir(join(root, 'tmp'))
  await chmod(join(root, 'tmp'), 0o1777)
  await cp(realpathSync('/bin/busybox'), join(root, 'bin/busybox'))
  for (const command of commands) await symlink('busybox', join(root, 'bin', command))
  await writeFile(join(root, 'etc/os-release'), 'PRETTY_NAME="Debian GNU/Linux"\nID=debian\n')
  await writeFile(
    join(root, 'etc/passwd'),
    `root:x:0:0::/:/bin/sh\napp:x:${appUser}:${appUser}::/tmp:/bin/sh\n`,
  )
  await writeFile(join(root, 'etc/group'), `root:x:0:\napp:x:${appUser}:\n`)
  await writeFile(join(root, trustedBundle), makeSelfSigned().cert)
  await cp(join(project, 'test/engine/sample-app/start.sh'), join(root, 'start.sh'))
  await chmod(join(root, 'start.sh'), 0o755)
  // What Debian's does for the one file that counts here.
  await writeFile(
    join(root, 'usr/local/bin/update-ca-certificates'),
    `#!/bin/sh\ncat /usr/local/share/ca-certificates/*.crt >> ${trustedBundle}\n`,
    { mode: 0o755 },
  )
  // Written by the app's entrypoint, whoever it runs as.
  await writeFile(join(root, 'frpc.toml'), '')
  await chown(join(root, 'frpc.toml'), appUser, appUser)
}

/** Node and the libraries it is linked with. */
async function addNode(root: string): Promise<void> {
  await mkdir(join(root, 'usr/local/bin'), { recursive: true })
  await cp(process.execPath, join(root, 'usr/local/bin/node'))
  const linked = execFileSync('ldd', [process.execPath], { encoding: 'utf8' })
  for (const [path] of linked.matchAll(/\/\S+/g)) {
    await mkdir(join(root, dirname(path)), { recursive: true })
    await cp(realpathSync(path), join(root, path))
  }
}

/** The project's sources and what they import, started as its package starts them. */
async function addHarp(root: string): Promise<void> {
  const harp = join(root, 'harp')
  const { packages } = JSON.parse(await readFile(join(project, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly optional?: boolean }>>
  }
  const needed = Object.entries(packages).filter(
    // Optional ones are native code for other platforms mostly, and not installed here.
    ([path, { dev, optional }]) =>
      path !== '' && dev !== true && (optional !== true || existsSync(join(project, path))),
  )
  for (const path of ['package.json', 'src', 'test/engine/sample-app', ...needed.map(([path]) => path)]) {
    await cp(join(project, path), join(harp, path), { recursive: true })
  }
  const starter = await readFile(join(project, 'bin/harp.js'), 'utf8')
  await mkdir(join(harp, 'bin'))
  await writeFile(join(harp, 'bin/harp.js'), starter.replace('../dist/cli/main.js', '../src/cli/main.ts'))
}
