import { HarpError } from '../../base/errors.ts'

/** A name that somebody asked for must be free, or it throws HarpError; one that was found gets a number. */
export function freeName(taken: ReadonlySet<string>, name: string, isAskedFor: boolean): string {
  if (!taken.has(name)) return name
  if (isAskedFor) {
    throw new HarpError('SYNC_FOLDER_NAME', `there is a folder "${name}" here already`, {
      fix: 'choose another --name',
    })
  }
  let number = 2
  while (taken.has(`${name} ${number}`)) number++
  return `${name} ${number}`
}
