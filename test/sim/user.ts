import type { RandomBytes } from '../../src/sync/crypto/suite.ts'
import type { FileContent, Operation } from '../../src/sync/format/operation.ts'
import type { NodeId } from '../../src/sync/ids.ts'
import type { LogEntry } from '../../src/sync/log/log-entry.ts'
import type { Replica } from '../../src/sync/replica/replica.ts'
import {
  makeDirectory,
  move,
  putFile,
  putSymlink,
  restore,
  restoreVersion,
  setAttributes,
  trash,
  type Planned,
} from '../../src/sync/tree/intents.ts'
import type { Shown } from '../../src/sync/tree/shown.ts'
import type { Chance } from './chance.ts'
import type { Action } from './schedule.ts'

/** Few, so that devices meet: files and directories share them. */
const names = ['a', 'b', 'c', 'd', 'e']

/** What a user does next, from what the user sees. */
export function chooseAction({ view }: Replica, chance: Chance): Action | undefined {
  const shown = [...view.walk()]
  const directories = [[], ...shown.filter(isDirectory).map(({ path }) => path)]
  const files = shown.filter((item) => !isDirectory(item)).map(({ path }) => path)
  const fresh = () => [...chance.pick(directories), chance.pick(names)]
  const any = (paths: readonly string[][]) => (paths.length === 0 ? undefined : chance.pick(paths))
  const all = shown.map(({ path }) => path)
  const content = chance.below(1_000_000)
  const exec = chance.percent(10)
  switch (chance.weighted(weights)) {
    case 'edit': {
      const path = any(files) ?? fresh()
      return { type: 'put', path, content, exec }
    }
    case 'create':
      return { type: 'put', path: fresh(), content, exec }
    case 'symlink':
      return {
        type: 'symlink',
        path: chance.percent(50) ? (any(files) ?? fresh()) : fresh(),
        target: `t${content}`,
      }
    case 'mkdir':
      return { type: 'mkdir', path: fresh() }
    case 'move': {
      const path = any(all)
      if (path === undefined) return { type: 'mkdir', path: fresh() }
      const name = chance.percent(50) ? (path.at(-1) as string) : chance.pick(names)
      return { type: 'move', path, to: [...chance.pick(directories), name] }
    }
    case 'trash': {
      const path = any(all)
      return path === undefined ? undefined : { type: 'trash', path }
    }
    case 'restore':
      return { type: 'restore', which: chance.below(100) }
    case 'old': {
      const path = any(files)
      return path === undefined ? undefined : { type: 'old', path, which: chance.below(100) }
    }
    case 'attr': {
      const path = any(all)
      return path === undefined ? undefined : { type: 'attr', path, exec: chance.percent(50) }
    }
    case 'import':
      return { type: 'import', path: chance.pick(directories), names: names.slice(chance.below(3)) }
  }
}

const weights = {
  edit: 22,
  create: 20,
  symlink: 4,
  mkdir: 15,
  move: 17,
  trash: 12,
  restore: 5,
  old: 2,
  attr: 4,
  import: 3,
}

export interface Surroundings {
  readonly random: RandomBytes
  readonly seconds: number
}

/** The operations of an action; none if what the user meant cannot be done. */
export function operationsFor(replica: Replica, action: Action, around: Surroundings): Operation[] {
  const planned = plan(replica, action, around)
  return typeof planned === 'string' ? [] : planned
}

function plan(replica: Replica, action: Action, { random, seconds }: Surroundings): Planned {
  const { view } = replica
  switch (action.type) {
    case 'put':
      return putFile(view, action.path, fileContent(action.content, action.exec, seconds), random)
    case 'symlink':
      return putSymlink(view, action.path, action.target, random)
    case 'mkdir':
      return makeDirectory(view, action.path, random)
    case 'move':
      return move(view, action.path, action.to)
    case 'trash':
      return trash(view, action.path)
    case 'restore': {
      const hidden = allHidden(view)
      const item = hidden[action.which % Math.max(1, hidden.length)]
      return item === undefined ? [] : restore(view, item.node)
    }
    case 'old': {
      const shown = view.at(action.path)
      if (shown === undefined || shown.kind === 'directory') return 'not-found'
      const version = shown.versions[action.which % shown.versions.length]
      return version === undefined ? 'no-such-version' : restoreVersion(view, action.path, version.entry.hash)
    }
    case 'attr':
      return setAttributes(view, action.path, { exec: action.exec, mtime: { seconds, nanos: 0 } })
    case 'import':
      return action.names.flatMap((name, index) => {
        const put = putFile(view, [...action.path, name], fileContent(index, false, seconds), random)
        return typeof put === 'string' ? [] : put
      })
  }
}

/** The items of the trash, and what was trashed with them. */
function allHidden(view: Replica['view']): readonly { readonly node: NodeId }[] {
  const found = view.trashed()
  for (let at = 0; at < found.length; at++) {
    const item = found[at]
    if (item?.kind === 'directory') found.push(...view.hiddenIn([item.node]))
  }
  return found
}

function isDirectory({ shown }: { readonly shown: Shown<LogEntry> }): boolean {
  return shown.kind === 'directory'
}

function fileContent(content: number, exec: boolean, seconds: number): FileContent {
  const manifest = Uint8Array.of(content, content >>> 8, content >>> 16)
  const hash = content.toString(16).padStart(64, '0')
  return { manifest, size: content, mtime: { seconds, nanos: 0 }, exec, hash }
}
