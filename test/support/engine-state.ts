/** What a scripted engine holds: images, containers with files, volumes, networks and execs. Tests change it freely. */
import { createHash, randomBytes } from 'node:crypto'
import { FakeFiles } from './engine-files.ts'

export type FakeHealth = 'starting' | 'healthy' | 'unhealthy'

export interface FakeImageOptions {
  /** Decides /etc/os-release; none: an image without a system. */
  readonly os?: 'alpine' | 'debian' | 'ubuntu' | 'fedora' | 'none'
  /** USER of the image; empty: root. */
  readonly user?: string
  /** The health that a container of it has once it was started; null: no health check. */
  readonly health?: FakeHealth | null
  /** Containers end at once with this code. */
  readonly exitCode?: number | null
  readonly sizeBytes?: number
}

export type FakeImage = Required<FakeImageOptions> & { readonly id: string; readonly reference: string }

export interface FakeContainer {
  readonly id: string
  readonly name: string
  readonly image: FakeImage
  /** Of the create call, as it came. */
  readonly body: Readonly<Record<string, unknown>>
  readonly files: FakeFiles
  status: 'created' | 'running' | 'paused' | 'restarting' | 'exited' | 'dead'
  health: FakeHealth | null
  exitCode: number
  readonly log: { readonly stream: 'stdout' | 'stderr'; readonly text: string }[]
}

export interface ExecResult {
  readonly exitCode: number | null
  readonly stdout?: string
  readonly stderr?: string
}

export interface FakeExec {
  readonly id: string
  readonly container: FakeContainer
  readonly command: readonly string[]
  readonly user: string
  exitCode: number | null
}

/** Decides an exec; undefined leaves it to the little shell below. */
export type ExecScript = (exec: FakeExec) => ExecResult | undefined

const osRelease = {
  alpine: 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.22.1\n',
  debian: 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nNAME="Debian GNU/Linux"\nID=debian\n',
  ubuntu: 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n',
  fedora: 'NAME="Fedora Linux"\nID=fedora\n',
} as const

export class EngineState {
  readonly images = new Map<string, FakeImage>()
  /** What can be pulled, by reference. */
  readonly registry = new Map<string, FakeImageOptions>()
  readonly containers = new Map<string, FakeContainer>()
  readonly volumes = new Set<string>()
  readonly networks = new Set(['bridge', 'host', 'none'])
  readonly execs = new Map<string, FakeExec>()
  onExec: ExecScript = () => undefined

  addImage(reference: string, options: FakeImageOptions = {}): FakeImage {
    const name = tagged(reference)
    const image: FakeImage = {
      os: 'debian',
      user: '',
      health: null,
      exitCode: null,
      sizeBytes: 123_456,
      ...options,
      id: `sha256:${createHash('sha256').update(name).digest('hex')}`,
      reference: name,
    }
    this.images.set(name, image)
    return image
  }

  image(reference: string): FakeImage | undefined {
    return this.images.get(tagged(reference)) ?? [...this.images.values()].find(({ id }) => id === reference)
  }

  /** By name or id. */
  container(name: string): FakeContainer | undefined {
    return this.containers.get(name) ?? [...this.containers.values()].find(({ id }) => id === name)
  }

  /** Adds the image as well where it is not there. */
  addContainer(
    name: string,
    options: { readonly image?: string; readonly body?: Readonly<Record<string, unknown>> } = {},
  ): FakeContainer {
    const reference = options.image ?? 'ghcr.io/a/b:c'
    const image = this.image(reference) ?? this.addImage(reference)
    const container: FakeContainer = {
      id: randomBytes(32).toString('hex'),
      name,
      image,
      body: { Image: reference, ...options.body },
      files: rootFiles(image),
      status: 'created',
      health: null,
      exitCode: 0,
      log: [],
    }
    this.containers.set(name, container)
    return container
  }

  start(container: FakeContainer): void {
    const { exitCode, health } = container.image
    container.status = exitCode === null ? 'running' : 'exited'
    container.exitCode = exitCode ?? 0
    container.health = exitCode === null ? health : null
  }

  volumesOf(container: FakeContainer): string[] {
    const host = container.body['HostConfig'] as
      | {
          readonly Mounts?: readonly { readonly Type?: string; readonly Source?: string }[]
          readonly Binds?: string[]
        }
      | undefined
    const mounts = (host?.Mounts ?? []).filter(({ Type }) => Type === 'volume')
    const binds = (host?.Binds ?? []).map((each) => each.split(':')[0] ?? '')
    return [...mounts.map(({ Source }) => Source ?? ''), ...binds.filter((each) => !each.startsWith('/'))]
  }

  addExec(container: FakeContainer, command: readonly string[], user: string): FakeExec {
    const exec: FakeExec = { id: randomBytes(32).toString('hex'), container, command, user, exitCode: null }
    this.execs.set(exec.id, exec)
    return exec
  }

  run(exec: FakeExec): ExecResult {
    const result = this.onExec(exec) ?? runCommand(exec)
    exec.exitCode = result.exitCode
    return result
  }
}

/** A name without a tag is `latest`. */
export function tagged(reference: string): string {
  return reference.includes('@') || /:[^/]+$/.test(reference) ? reference : `${reference}:latest`
}

function rootFiles({ os, user }: FakeImage): FakeFiles {
  const files = new FakeFiles()
  if (os === 'none') return files
  files.file('/usr/lib/os-release', osRelease[os])
  files.symlink('/etc/os-release', '../usr/lib/os-release')
  const account =
    user === '' || /^\d/.test(user) ? '' : `${user.split(':')[0]}:x:1000:1000::/home/app:/bin/sh\n`
  files.file('/etc/passwd', `root:x:0:0:root:/root:/bin/sh\n${account}`)
  files.directory('/tmp', { mode: 0o1777 })
  files.directory(os === 'fedora' ? '/etc/pki/ca-trust/source/anchors' : '/usr/local/share/ca-certificates')
  return files
}

/** cat, mkdir -p, and the commands that take up certificates. */
function runCommand({ container, command, user }: FakeExec): ExecResult {
  const [program = '', ...words] = command
  const isRoot = user === '' || /^(?:root|0)(?::|$)/.test(user)
  const path = words.at(-1) ?? ''
  const { files, image } = container
  const notFound = { exitCode: 127, stderr: `exec: "${program}": executable file not found in $PATH` }
  const denied = { exitCode: 1, stderr: `${program}: ${path}: Permission denied\n` }
  if (image.os === 'none') return notFound
  switch (program) {
    case 'cat': {
      const file = files.resolve(path)
      if (file?.kind === 'file') return { exitCode: 0, stdout: file.content.toString() }
      return { exitCode: 1, stderr: `cat: can't open '${path}': No such file or directory\n` }
    }
    case 'mkdir':
      if (files.get(path) !== undefined) return { exitCode: 0 }
      if (!isRoot) return denied
      files.directory(path)
      return { exitCode: 0 }
    case 'update-ca-certificates':
    case 'update-ca-trust':
      return isRoot ? { exitCode: 0 } : denied
    default:
      return notFound
  }
}
