/**
 * A base image for our Dockerfile, made of what this machine has: busybox, Node, npm and the authorities that this
 * machine trusts. `docker build` on it needs a package registry and no image registry.
 */
import { execFile, execFileSync } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { isCommandInstalled } from '../support/real-parts.ts'
import type { DockerDaemon } from './docker-daemon.ts'

const run = promisify(execFile)
const project = fileURLToPath(new URL('../../', import.meta.url))
const commands = ['chmod', 'chown', 'ln', 'mkdir', 'rm', 'sh']
const authorities = '/etc/ssl/certs/ca-certificates.crt'
const base = 'node-base:test'
const buildTimeoutMs = 300_000
/** The builder knows these arguments without being told. */
const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy']

export function canBuildImage(): boolean {
  return ['docker', 'npm'].every((each) => isCommandInstalled(each))
}

/** `docker build` with the project as it is. Gives the builder's output when it fails. */
export async function buildImage(engine: DockerDaemon, name: string): Promise<void> {
  await importBase(engine)
  const forwarded = proxies.filter((each) => process.env[each] !== undefined)
  const args = [
    'build',
    '--network=host',
    `--tag=${name}`,
    `--build-arg=NODE_IMAGE=${base}`,
    ...forwarded.map((each) => `--build-arg=${each}`),
    project,
  ]
  await docker(engine, args)
}

/** How much larger the image is than what it is built on. */
export async function addedBytes(engine: DockerDaemon, name: string): Promise<number> {
  const sizeOf = async (image: string): Promise<number> =>
    ((await engine.call('GET', `/images/${image}/json`)).json() as { readonly Size: number }).Size
  return (await sizeOf(name)) - (await sizeOf(base))
}

async function docker(engine: DockerDaemon, args: readonly string[]): Promise<void> {
  // NOTE: the classic builder is in every engine; BuildKit's client part is a package of its own.
  const environment = { DOCKER_HOST: `unix://${engine.socket}`, DOCKER_BUILDKIT: '0', HOME: engine.directory }
  try {
    await run('docker', [...args], {
      env: { ...process.env, ...environment },
      timeout: buildTimeoutMs,
      maxBuffer: 16 * 1_048_576,
    })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string }
    throw new Error(`docker ${args[0]} failed\n${stdout.slice(-4_000)}\n${stderr.slice(-4_000)}`, {
      cause: error,
    })
  }
}

async function importBase(engine: DockerDaemon): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'harp-base-'))
  try {
    // Becomes the image's own root directory.
    await chmod(root, 0o755)
    for (const each of ['bin', 'etc/ssl/certs', 'usr/bin', 'usr/local/bin', 'var/lib', 'tmp']) {
      await mkdir(join(root, each), { recursive: true })
    }
    await cp(realpathSync('/bin/busybox'), join(root, 'bin/busybox'))
    for (const each of commands) await symlink('busybox', join(root, 'bin', each))
    await symlink('../../bin/busybox', join(root, 'usr/bin/env'))
    await cp(realpathSync(authorities), join(root, authorities))
    await writeFile(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\n')
    await addNode(root)
    await addNpm(root)
    const archive = `${root}.tar`
    await run('tar', ['-C', root, '-cf', archive, '.'])
    try {
      const environment = `ENV PATH=/usr/local/bin:/usr/bin:/bin NODE_EXTRA_CA_CERTS=${authorities}`
      await docker(engine, ['import', `--change=${environment}`, archive, base])
    } finally {
      await rm(archive, { force: true })
    }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

/** Node and the libraries it is linked with. */
async function addNode(root: string): Promise<void> {
  await cp(process.execPath, join(root, 'usr/local/bin/node'))
  const linked = execFileSync('ldd', [process.execPath], { encoding: 'utf8' })
  for (const [path] of linked.matchAll(/\/\S+/g)) {
    await mkdir(join(root, dirname(path)), { recursive: true })
    await cp(realpathSync(path), join(root, path))
  }
}

async function addNpm(root: string): Promise<void> {
  const found = execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim()
  // …/npm/bin/npm-cli.js
  await cp(dirname(dirname(realpathSync(found))), join(root, 'usr/local/lib/npm'), { recursive: true })
  await symlink('../lib/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'))
}
