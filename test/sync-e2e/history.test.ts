import { readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { append, read, write } from './support/files.ts'
import { folderName, Pair } from './support/pair.ts'

interface Version {
  readonly version: string
  readonly size: number
  readonly current: boolean
  readonly deleted: boolean
}

describe('what was', () => {
  let pair: Pair
  let path: string
  let other: string

  beforeAll(async () => {
    pair = await Pair.start({ prepare: (root) => write(root, 'letters/one.txt', 'first') })
    await pair.converge((tree) => 'letters/one.txt' in tree)
    path = join(pair.annRoot, 'letters/one.txt')
    other = join(pair.bobRoot, 'letters/one.txt')
    append(pair.annRoot, 'letters/one.txt', ' second')
    await pair.settle()
    append(pair.bobRoot, 'letters/one.txt', ' third')
    await pair.settle()
  })

  afterAll(() => pair.dispose())

  it('is told alike on both devices, newest first', async () => {
    const { json, code } = await pair.ann.cli('log', path, '--json')
    expect(code).toBe(0)
    const versions = json as (Version & { deviceName: string })[]
    expect(versions.map(({ size, current, deviceName }) => ({ size, current, deviceName }))).toEqual([
      { size: 18, current: true, deviceName: 'bob' },
      { size: 12, current: false, deviceName: 'ann' },
      { size: 5, current: false, deviceName: 'ann' },
    ])
    expect((await pair.bob.cli('log', other, '--json')).json).toEqual(json)
    const text = await pair.bob.cli('log', other)
    expect(text.stdout).toContain(versions[2]!.version.slice(0, 12))
  })

  it('comes back beside the file with --to, which exists not yet', async () => {
    const versions = await history(pair.bob, other)
    const to = join(pair.place, 'as it was.txt')
    const first = versions[2]!.version
    const answer = await pair.bob.cli('restore', other, '--version', first.slice(0, 12), '--to', to, '--json')
    expect(answer).toMatchObject({ code: 0, json: { path: to, version: first, size: 5 } })
    expect(readFileSync(to, 'utf8')).toBe('first')
    const again = await pair.bob.cli('restore', other, '--version', first, '--to', to, '--json')
    expect(again).toMatchObject({ code: 1, json: { error: { code: 'SYNC_DESTINATION_EXISTS' } } })
    const unknown = await pair.bob.cli('restore', other, '--version', '0123456789ab', '--json')
    expect(unknown).toMatchObject({ code: 1, json: { error: { code: 'SYNC_VERSION_UNKNOWN' } } })
  })

  it('of what is deleted is listed, logged and brought back', async () => {
    unlinkSync(path)
    rmSync(join(pair.annRoot, 'letters'), { recursive: true })
    write(pair.annRoot, 'single.txt', 'alone')
    await pair.settle()
    unlinkSync(join(pair.annRoot, 'single.txt'))
    await pair.settle()
    const { json, code } = await pair.bob.cli('deleted', folderName, '--json')
    expect(code).toBe(0)
    expect(json).toMatchObject([
      {
        path: 'single.txt',
        kind: 'file',
        deviceName: 'ann',
        size: 5,
        version: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
      },
      { path: 'letters', kind: 'directory', deviceName: 'ann', version: null },
    ])
    const versions = await history(pair.bob, other)
    expect(versions.map(({ deleted, current }) => ({ deleted, current }))).toEqual([
      { deleted: true, current: true },
      { deleted: true, current: false },
      { deleted: true, current: false },
    ])
    const answer = await pair.bob.cli(
      'restore',
      other,
      '--version',
      versions[1]!.version.slice(0, 12),
      '--json',
    )
    expect(answer.code).toBe(0)
    await pair.converge((tree) => tree['letters/one.txt']?.startsWith('file 12 ') === true)
    expect(read(pair.annRoot, 'letters/one.txt')).toBe('first second')
    const [newest, ...rest] = await history(pair.ann, path)
    expect(newest).toMatchObject({ size: 12, current: true, deleted: false })
    expect(rest).toHaveLength(3)
  })

  it('of nothing is an error', async () => {
    const answer = await pair.ann.cli('log', join(pair.annRoot, 'never'), '--json')
    expect(answer).toMatchObject({ code: 1, json: { error: { code: 'SYNC_NO_HISTORY' } } })
    const outside = await pair.ann.cli('log', join(pair.place, 'elsewhere'), '--json')
    expect(outside).toMatchObject({ code: 1, json: { error: { code: 'SYNC_FOLDER_UNKNOWN' } } })
  })

  it('is proved to somebody with the folder and a device in hand, and to nobody else', async () => {
    const file = join(pair.place, 'history.proof')
    const made = await pair.ann.cli('proof', path, '--reveal', '-o', file, '--json')
    expect(made.code).toBe(0)
    const { folder, issuer } = made.json as { folder: string; issuer: string }
    const root = ['--folder', folder, '--trust', issuer]
    // A home of nobody: no daemon, no device.
    const nobody = { environment: { HARP_HOME: join(pair.place, 'nobody') } }

    const offline = await pair.ann.run(
      ['verify', '--proof', file, ...root, '--content', path, '--json'],
      nobody,
    )
    expect(offline.code).toBe(0)
    const verdict = offline.json as {
      versions: { revealed: { name: string; size: number } }[]
      content: unknown
    }
    expect(verdict.versions.map(({ revealed }) => revealed.size)).toEqual([5, 12, 18, 12])
    expect(verdict.content).toMatchObject({ numbers: [2, 4] })

    const byDaemon = await pair.bob.cli('verify', '--proof', file, '--json')
    expect(byDaemon).toMatchObject({ code: 0, json: { folder, issuer, issuerName: 'ann' } })

    const untrusting = await pair.ann.run(['verify', '--proof', file, '--json'], nobody)
    expect(untrusting).toMatchObject({ code: 2, json: { error: { code: 'SYNC_NO_TRUST' } } })

    const bytes = readFileSync(file)
    for (const at of [bytes.length >> 3, bytes.length >> 1, bytes.length - 3]) {
      const tampered = Buffer.from(bytes)
      tampered[at] = (tampered[at] ?? 0) ^ 1
      writeFileSync(join(pair.place, 'tampered.proof'), tampered)
      const args = ['verify', '--proof', join(pair.place, 'tampered.proof'), ...root, '--json']
      const refused = await pair.ann.run(args, nobody)
      expect(refused).toMatchObject({ code: 1, json: { error: { code: 'SYNC_PROOF_REFUSED' } } })
      expect((refused.json as { error: { reason: string } }).error.reason).toMatch(/^[a-z-]+$/)
    }

    const otherFile = await pair.ann.run(
      ['verify', '--proof', file, ...root, '--content', file, '--json'],
      nobody,
    )
    expect(otherFile).toMatchObject({ code: 1, json: { error: { code: 'SYNC_PROOF_CONTENT' } } })
    const stranger = issuer.startsWith('A') ? folder : '0'.repeat(64)
    const wrong = await pair.ann.run(
      ['verify', '--proof', file, '--folder', folder, '--trust', stranger, '--json'],
      nobody,
    )
    expect(wrong).toMatchObject({
      code: 1,
      json: { error: { code: 'SYNC_PROOF_REFUSED', reason: 'untrusted-issuer' } },
    })
  })

  it('stays sealed without --reveal', async () => {
    const { stdout, code } = await pair.ann.cli('proof', path)
    expect(code).toBe(0)
    expect(stdout).not.toContain('one.txt')
    const json = await pair.bob.cli('proof', other, '--json')
    const verified = await pair.ann.run(['verify', '--proof', '-', '--json'], { input: json.stdout })
    expect(verified.code).toBe(0)
    const { versions } = verified.json as { versions: { revealed: unknown }[] }
    expect(versions.map(({ revealed }) => revealed)).toEqual([null, null, null, null])
  })
})

async function history(device: Pair['ann'], path: string): Promise<Version[]> {
  return [...(await device.api.call('log', { path }))]
}
