/** Whom a container runs as: `Config.User` read as Docker does. Pure. */
export interface FileOwner {
  readonly uid: number
  readonly gid: number
}

export const root: FileOwner = { uid: 0, gid: 0 }

/** Whether the account files of the image are needed to know the numbers. */
export function needsAccounts(user: string): boolean {
  return user !== '' && !/^\d{1,9}:\d{1,9}$/.test(user)
}

/** `user` is `name|uid[:group|gid]`, empty for root; texts are /etc/passwd and /etc/group. null: nobody of that name. */
export function ownerOf(user: string, passwd: string, group: string): FileOwner | null {
  if (user === '') return root
  const [account = '', groupName] = user.split(':')
  const entry = linesOf(passwd).find(([name, , uid]) =>
    isNumber(account) ? uid === account : name === account,
  )
  const uid = isNumber(account) ? account : entry?.[2]
  const gid = groupName === undefined || groupName === '' ? (entry?.[3] ?? '0') : groupId(groupName, group)
  if (!isNumber(uid) || !isNumber(gid)) return null
  return { uid: Number(uid), gid: Number(gid) }
}

function groupId(name: string, group: string): string | undefined {
  return isNumber(name) ? name : linesOf(group).find(([each]) => each === name)?.[2]
}

function linesOf(text: string): string[][] {
  return text.split('\n').map((line) => line.trim().split(':'))
}

function isNumber(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,9}$/.test(text)
}
