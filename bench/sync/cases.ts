/** What is measured: each case is a change to one folder, which the other device is to have as well. */
import type { Content } from './content.ts'

export const caseNames = [
  'big-file',
  'insertion',
  'one-byte',
  'small-files',
  'rename',
  'rescan',
  'memory',
] as const
export type CaseName = (typeof caseNames)[number]

export interface Case {
  readonly name: CaseName
  readonly title: string
  /** What a rate counts, and how many of it the case moves; null where a rate says nothing. */
  readonly amount: { readonly unit: 'MB' | 'files'; readonly count: number } | null
  /** Changes the folder of one device. */
  readonly change: (content: Content, directory: string) => void
  /** Looks at little, so that it may be asked often: has the other folder got it? */
  readonly hasArrived: (content: Content, from: string, to: string) => boolean
}

/** Cases that need each other's outcome, in their order, on a fresh pair of devices. */
export interface Series {
  readonly cases: readonly Case[]
}

export interface Sizes {
  readonly sizeMiB: number
  readonly files: number
}

export const insertedBytes = 1_048_699

export function listSeries({ sizeMiB, files }: Sizes, only: ReadonlySet<CaseName>): Series[] {
  const megabytes = (sizeMiB * 1_048_576) / 1e6
  const large: Case[] = [
    {
      name: 'big-file',
      title: `One file of ${sizeMiB} MiB, for the first time`,
      amount: { unit: 'MB', count: megabytes },
      change: (content, directory) => content.writeLarge(directory),
      hasArrived: (content, from, to) => content.hasLarge(from, to),
    },
    {
      name: 'insertion',
      title: `${insertedBytes} bytes inserted at its front`,
      amount: null,
      change: (content, directory) => content.insertAtFront(directory, insertedBytes),
      hasArrived: (content, from, to) => content.hasLarge(from, to),
    },
    {
      name: 'one-byte',
      title: 'One byte of it overwritten',
      amount: null,
      change: (content, directory) => content.overwriteByte(directory),
      hasArrived: (content, from, to) => content.hasLarge(from, to),
    },
  ]
  const small: Case[] = [
    {
      name: 'small-files',
      title: `${files} files of 4 KiB, for the first time`,
      amount: { unit: 'files', count: files },
      change: (content, directory) => content.writeSmall(directory, files),
      hasArrived: (content, from, to) => content.hasSmall(from, to, files),
    },
    {
      name: 'rename',
      title: `The folder of these ${files} files renamed`,
      amount: null,
      change: (content, directory) => content.renameFolder(directory),
      hasArrived: (content, from, to) => content.hasSmall(from, to, files),
    },
    {
      name: 'rescan',
      title: `A look at these ${files} files when nothing has changed`,
      amount: { unit: 'files', count: files },
      change: () => {},
      hasArrived: () => true,
    },
  ]
  return [large, small]
    .map((cases) => cases.slice(0, cases.findLastIndex(({ name }) => only.has(name)) + 1))
    .filter((cases) => cases.length > 0)
    .map((cases) => ({ cases }))
}
