import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkSocket, judgeRights, parseRights, type ProcessRights } from './socket-check.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'harp-socket-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe('what is at the path', () => {
  test('a socket that this process may open, or that the gateway has opened', async () => {
    const path = join(directory, 'docker.sock')
    const server = net.createServer()
    await new Promise<void>((resolve) => {
      server.listen(path, resolve)
    })
    try {
      expect(checkSocket(path, null, null).status).toBe('ok')
      // In a container, the gateway's process id may be that of anybody here.
      expect(checkSocket(path, 1, 'opened').status).toBe('ok')
      expect(checkSocket(path, 999_999_999, null).status).toBe('skip')
    } finally {
      server.close()
    }
  })

  test('nothing: at the usual path there may be no engine, at a path of its own there should be', () => {
    expect(checkSocket(null, null, null)).toMatchObject({ status: 'skip', detail: 'HARP_DOCKER_SOCKET=off' })
    expect(checkSocket(join(directory, 'none.sock'), null, null)).toMatchObject({
      status: 'fail',
      fix: expect.stringContaining(`-v /var/run/docker.sock:${directory}/none.sock`),
    })
  })

  test('the directory that Docker makes for a mount that was not there', () => {
    expect(checkSocket(directory, null, null)).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('is a directory'),
      fix: expect.stringMatching(/remove the container and the directory.*start the engine/),
    })
  })

  test('a file', () => {
    const path = join(directory, 'file')
    writeFileSync(path, '')

    expect(checkSocket(path, null, null)).toMatchObject({ status: 'fail', detail: `${path} is no socket` })
  })
})

describe('who may open it', () => {
  const root: ProcessRights = { uid: 0, gids: [0], ignoresPermissions: true }
  const harp: ProcessRights = { uid: 1_000, gids: [1_000, 20], ignoresPermissions: false }
  const socket = { uid: 0, gid: 998, mode: 0o140_660 }
  const path = '/var/run/docker.sock'

  test.each([
    ['root', socket, root],
    ['a member of the group', socket, { ...harp, gids: [1_000, 998] }],
    ['the owner', { ...socket, uid: 1_000 }, harp],
    ['everybody', { ...socket, mode: 0o140_666 }, harp],
  ])('%s', (_who, stats, rights) => {
    expect(judgeRights(path, stats, rights).status).toBe('ok')
  })

  test('another user is told the group, as each way of running it wants it', () => {
    expect(judgeRights(path, socket, harp)).toEqual({
      name: 'socket',
      status: 'fail',
      detail:
        '/var/run/docker.sock is owned by 0:998, mode 0660, and the gateway runs as 1000 with groups 1000, 20: it may not open it',
      fix: 'give the gateway this group: docker run --group-add 998, in compose.yaml group_add: ["998"], in systemd SupplementaryGroups=998',
    })
  })

  test.each([
    ['root without capabilities', socket, { ...root, ignoresPermissions: false, gids: [1] }, 'ok'],
    [
      'root without capabilities, at a socket of another',
      { ...socket, uid: 1_000, gid: 1_000 },
      { ...root, ignoresPermissions: false },
      'docker run --group-add 1000',
    ],
    ['a socket for its owner alone', { ...socket, mode: 0o140_600 }, harp, 'docker run --user 0'],
    ['a socket of another user namespace', { ...socket, uid: 65_534, gid: 65_534 }, harp, 'rootless'],
    ['a read-only group', { ...socket, mode: 0o140_640 }, { ...harp, gids: [998] }, 'chmod g+rw'],
  ])('%s', (_what, stats, rights, expected) => {
    const check = judgeRights(path, stats, rights)

    expect(check.fix ?? check.status).toContain(expected)
  })

  test('are read as the kernel tells them', () => {
    const status =
      'Name:\tnode\nUid:\t1000\t1001\t1000\t1000\nGid:\t1000\t1002\t1000\t1000\nGroups:\t20 998 \nCapEff:\t00000000a80425fb\n'

    expect(parseRights(status)).toEqual({ uid: 1_001, gids: [1_002, 20, 998], ignoresPermissions: true })
    expect(parseRights('Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t\nCapEff:\t0000000000000000\n')).toEqual(
      {
        uid: 0,
        gids: [0],
        ignoresPermissions: false,
      },
    )
    expect(parseRights('Name:\tnode\n')).toBeNull()
  })
})
