import { nodeSuite, toHex } from '../../sync/index.ts'
import { historyRows, type NameOf } from './history-table.ts'
import { meet } from './meeting.ts'
import { proveToSomebody } from './proof-chapter.ts'
import { StoryClock } from './story-clock.ts'
import { StoryDevice } from './story-device.ts'
import { requireTrue, type StoryTeller } from './story-teller.ts'
import { drawTree, sideBySide } from './tree-drawing.ts'
import { versionRows } from './version-table.ts'

const plan = 'plan.txt'
const firstPlan = 'Meet at eight.\n'
const laptopPlan = 'Meet at nine, at the station.\n'
const desktopPlan = 'Meet at eight. Bring the map!\n'
const bothPlans = 'Meet at nine, at the station. Bring the map!\n'

/** `harp demo sync`: two devices, a cut cable, and what is true afterwards. Every claim it prints is checked first. */
export class SyncStory {
  readonly #tell: StoryTeller
  readonly #directory: string
  readonly #clock: StoryClock
  readonly #laptop: StoryDevice
  readonly #desktop: StoryDevice
  readonly #nameOf: NameOf

  constructor(tell: StoryTeller, directory: string, today: number) {
    this.#tell = tell
    this.#directory = directory
    this.#clock = new StoryClock(today)
    const place = { directory, clock: this.#clock }
    this.#laptop = new StoryDevice('laptop', place)
    this.#desktop = new StoryDevice('desktop', place)
    const names = new Map([this.#laptop, this.#desktop].map(({ keys, name }) => [keys.deviceId, name]))
    this.#nameOf = (device) => names.get(device) ?? 'somebody'
  }

  run(): void {
    try {
      this.#oneFolder()
      this.#cableCut()
      this.#meetAgain()
      this.#oneHistory()
      this.#oneFile()
      this.#proof()
      this.#restart()
    } finally {
      this.#laptop.close()
      this.#desktop.close()
    }
  }

  #oneFolder(): void {
    const laptop = this.#laptop
    this.#tell.heading('1. One folder, two devices')
    laptop.found()
    laptop.replica.grant(this.#desktop.keys.record, 'write', this.#clock.now)
    for (const path of ['Old', 'Photos', 'Trips']) laptop.makeDirectory(path)
    laptop.save('Old/draft.txt', 'Perhaps we stay at home.\n')
    laptop.save('Photos/beach.jpg', 'not really a picture\n')
    laptop.save('Trips/map.txt', 'first left, then right\n')
    laptop.save(plan, firstPlan)
    this.#desktop.open(laptop.replica.folderId)
    this.#say(
      'The laptop founds a folder and lets the desktop in. No server takes part: each',
      'device has keys of its own, and the signed log of what was done in SQLite.',
    )
    this.#connect()
    this.#showTrees()
  }

  #cableCut(): void {
    const [laptop, desktop] = [this.#laptop, this.#desktop]
    this.#tell.heading('2. The cable is cut, and both go on')
    this.#clock.pass(10)
    laptop.save(plan, laptopPlan)
    this.#clock.pass(2)
    desktop.save(plan, desktopPlan)
    this.#clock.pass(2)
    laptop.move('Photos', 'Trips/Photos')
    this.#clock.pass(2)
    desktop.move('Trips', 'Photos/Trips')
    this.#clock.pass(2)
    laptop.trash('Old')
    this.#clock.pass(2)
    desktop.save('Old/idea.txt', 'Or by boat?\n')
    this.#say(
      `Both change ${plan}. The laptop moves Photos/ into Trips/, while the desktop`,
      'moves Trips/ into Photos/. The laptop deletes Old/, while the desktop writes a',
      'new file in it. Each sees its own work, and nothing of the other:',
    )
    this.#showTrees()
  }

  #meetAgain(): void {
    this.#tell.heading('3. They meet')
    this.#clock.pass(60)
    this.#say('Only what the other lacks travels. What comes is checked before it is taken.')
    this.#connect()
    this.#showTrees()
    const [left, right] = [this.#laptop.replica.digest(), this.#desktop.replica.digest()]
    requireTrue(left.tree === right.tree && left.order === right.order, 'the devices differ')
    this.#say(
      '',
      `The same tree on both: ${treeHash(left.tree)} = ${treeHash(right.tree)}.`,
      '- Of the two moves, the later one would put Trips/ into itself: it does nothing.',
      '- Old/ is there again, because it holds a file that the laptop had not seen when',
      '  it deleted. What it had seen, draft.txt, stays deleted, and can be restored.',
      `- Nobody has to clean up: there is one ${plan}, and no "conflicted copy".`,
    )
    requireTrue(
      namesIn(this.#laptop).every((name) => !/conflict/i.test(name)),
      'a conflicted copy',
    )
  }

  #oneHistory(): void {
    this.#tell.heading('4. One history')
    const [left, right] = [this.#laptop, this.#desktop].map(({ replica }) => replica.order)
    const isSame = left?.every(({ hash }, index) => hash === right?.[index]?.hash) === true
    requireTrue(isSame && left.length === right?.length, 'the orders differ')
    this.#say(
      'Both devices list the same entries in the same order. "concurrent": written',
      'without knowing of something that the other wrote without knowing of this.',
    )
    this.#tell.table(historyRows(this.#desktop.replica, this.#nameOf))
  }

  #oneFile(): void {
    this.#tell.heading('5. One file, no version lost')
    this.#say(`Shown as ${plan} is the last version in order; the other is kept, and flagged:`)
    this.#tell.table(versionRows(this.#laptop.shownFile(plan), this.#nameOf))
    requireTrue(this.#laptop.shownFile(plan).versions.length === 3, 'a version is lost')
    this.#clock.pass(5)
    this.#laptop.save(plan, bothPlans)
    this.#say('', 'Somebody reads both on the laptop, and saves. That version replaces the two:')
    this.#tell.table(versionRows(this.#laptop.shownFile(plan), this.#nameOf))
    this.#say('', 'The devices meet once more; the cost follows the difference:')
    this.#connect()
  }

  #proof(): void {
    const [laptop, desktop] = [this.#laptop, this.#desktop]
    this.#tell.heading('6. Proof for somebody else')
    const place = { tell: this.#tell, directory: this.#directory, nameOf: this.#nameOf }
    const file = { laptop, desktop, path: plan, versions: 4, third: desktopPlan, now: this.#clock.now }
    proveToSomebody(file, place)
  }

  #restart(): void {
    this.#tell.heading('7. Off and on again')
    const before = this.#laptop.replica.digest()
    for (const device of [this.#laptop, this.#desktop]) {
      device.close()
      device.open()
      const after = device.replica.digest()
      requireTrue(after.tree === before.tree && after.order === before.order, `${device.name} lost something`)
    }
    this.#say(
      'Both programs end and start again from their SQLite files:',
      `the same ${before.size} entries, the same tree ${treeHash(before.tree)}.`,
    )
  }

  #connect(): void {
    const [there, back] = meet(this.#laptop, this.#desktop, this.#clock.now)
    const row = (way: string, { entries, messages, bytes }: typeof there): string[] => [
      way,
      counted(entries, 'entry', 'entries'),
      counted(messages, 'message', 'messages'),
      counted(bytes, 'byte', 'bytes'),
    ]
    this.#tell.table([row('laptop -> desktop', there), row('desktop -> laptop', back)])
  }

  #showTrees(): void {
    const [left, right] = [this.#laptop, this.#desktop].map(({ name, replica }) => ({
      title: name,
      lines: drawTree(replica.view),
    }))
    if (left === undefined || right === undefined) return
    this.#say('', ...sideBySide(left, right))
  }

  #say(...lines: string[]): void {
    for (const line of lines) this.#tell.line(line)
  }
}

function counted(count: number, one: string, many: string): string {
  return `${String(count).padStart(5)} ${count === 1 ? one : many}`
}

function treeHash(tree: string): string {
  return toHex(nodeSuite.hash(new TextEncoder().encode(tree))).slice(0, 16)
}

function namesIn({ replica }: StoryDevice): string[] {
  return [...replica.view.walk()].map(({ shown }) => shown.name)
}
