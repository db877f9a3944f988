#!/usr/bin/env node
/**
 * `harp` inside the container image. Started as root, as containers are, it stops being root before any of Harp is
 * loaded; `harp gateway` first takes over what it must: HaRP leaves the keys of tunnels to root alone. Started as
 * another user it changes nothing.
 */
import fs from 'node:fs'
import { join } from 'node:path'
import { argv, env } from 'node:process'

/** User and group. Not 1000, which on many hosts is a person, who could then read the keys in a bind mount. */
const harpUser = 8780

const defaults = {
  HARP_CERTS_DIR: '/certs',
  HARP_STATE_DIR: '/var/lib/harp',
  HARP_DOCKER_SOCKET: '/var/run/docker.sock',
}

if (process.getuid() === 0) {
  const command = argv.slice(2)
  leaveRoot(() => {
    if (command[0] === 'gateway' && !command.includes('--check')) takeOver()
    handKeyOver()
  })
}
await import('../../bin/harp.js')

/** Runs `prepare` as root that can look with the user's eyes; there is no way back from here. */
function leaveRoot(prepare) {
  try {
    process.setgroups([harpUser, ...socketGroup()])
    process.setegid(harpUser)
    prepare()
    process.setgid(harpUser)
    process.setuid(harpUser)
  } catch (error) {
    if (error.code !== 'EPERM') throw error
    say(
      'ERROR: cannot stop being root (EPERM). Fix: give the container the capabilities SETUID and SETGID, or start ' +
        `it with --user ${harpUser}:${harpUser}`,
    )
    process.exit(1)
  }
}

/** The state directory and the tunnels' certificates become the user's; cert.pem, which others may manage, readable. */
function takeOver() {
  const certs = setting('HARP_CERTS_DIR')
  const state = setting('HARP_STATE_DIR')
  const frp = join(certs, 'frp')
  attempt(state, () => {
    fs.mkdirSync(state, { recursive: true, mode: 0o700 })
    giveTree(state)
  })
  attempt(certs, () => {
    // Without `frp` the gateway makes it. An empty one made here would keep HaRP from filling it, on the way back.
    if (fs.existsSync(frp)) giveTree(frp)
    else give(certs)
    letIn(certs)
    letIn(join(certs, 'cert.pem'))
  })
}

/** A mounted secret often is for root alone and read-only: its content is handed over as the key itself. */
function handKeyOver() {
  const path = setting('HP_SHARED_KEY_FILE')
  if (path === '' || setting('HP_SHARED_KEY') !== '' || asUser(() => isReadable(path))) return
  attempt(path, () => {
    const key = fs.readFileSync(path, 'utf8').replace(/\n+$/, '')
    // The gateway says what is wrong with a file that is empty.
    if (key === '') return
    env.HP_SHARED_KEY = key
    delete env.HP_SHARED_KEY_FILE
  })
}

/** The group that may use the Docker socket, which is the host's and different everywhere. */
function socketGroup() {
  const path = setting('HARP_DOCKER_SOCKET')
  const stats = path === 'off' ? undefined : fs.statSync(path, { throwIfNoEntry: false })
  if (stats === undefined || !stats.isSocket() || (stats.mode & 0o006) === 0o006) return []
  if ((stats.mode & 0o060) === 0o060) return [stats.gid]
  say(`WARNING: ${path} is for its owner alone, and Harp does not stay root. Fix: chmod g+rw it on its host`)
  return []
}

function giveTree(path) {
  give(path)
  for (const entry of fs.readdirSync(path, { recursive: true })) give(join(path, entry))
}

/** Never through a link, and nothing that has a second name elsewhere. */
function give(path) {
  const stats = fs.lstatSync(path)
  if (stats.uid === harpUser || (stats.isFile() && stats.nlink > 1)) return
  fs.lchownSync(path, harpUser, harpUser)
}

/** The owner stays; the user's group may read it from now on. */
function letIn(path) {
  if (!fs.existsSync(path) || asUser(() => isReadable(path))) return
  const stats = fs.statSync(path)
  fs.chownSync(path, stats.uid, harpUser)
  fs.chmodSync(path, (stats.mode & 0o7777) | (stats.isDirectory() ? 0o050 : 0o040))
}

function isReadable(path) {
  try {
    fs.closeSync(fs.openSync(path))
    return true
  } catch {
    return false
  }
}

function asUser(look) {
  process.seteuid(harpUser)
  try {
    return look()
  } finally {
    process.seteuid(0)
  }
}

/** What stays closed to the gateway it names itself, with the fix; this line says why. */
function attempt(path, work) {
  try {
    work()
  } catch (error) {
    say(`WARNING: ${path} could not be prepared for user ${harpUser}: ${error.message}`)
  }
}

/** As the gateway reads its settings. */
function setting(name) {
  const given = (env[name] ?? '').trim().replace(/^(["'])(.*)\1$/, '$2')
  return given === '' ? (defaults[name] ?? '') : given
}

function say(line) {
  process.stderr.write(`${line}\n`)
}
