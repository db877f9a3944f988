import { HarpError } from '../../base/errors.ts'
import { cacheErrors } from './cache-errors.ts'
import { cacheLimits as limits } from './cache-limits.ts'

/** If nobody names one: a tenth of what is free, but not less than 1 GiB, if that is no more than half of it. */
export function usualQuota(freeBytes: number): number {
  const share = Math.max(limits.usualLeast, freeBytes * limits.usualShare)
  return Math.max(limits.leastQuota, Math.floor(Math.min(share, freeBytes / 2)))
}

/** Throws HarpError `CACHE_QUOTA` for one that cannot be. */
export function requireQuota(quota: number | undefined, isCache: boolean): void {
  if (quota === undefined) return
  if (!isCache) throw noQuota('the invitation is not for the role cache')
  if (quota < limits.leastQuota) throw noQuota(`${quota} bytes are too few`)
}

/** Also of a cache that has lists already, which are not given up. */
export function requireRoomForLists(quota: number, listBytes: number): void {
  if (listBytes <= listBytesOf(quota)) return
  const least = Math.ceil(listBytes / limits.listShare)
  throw noQuota(`the lists of large files that are here need one of ${least} bytes or more`)
}

/** Of a quota: what long lists may take. */
export function listBytesOf(quota: number): number {
  return quota * limits.listShare
}

export function noQuota(why: string): HarpError {
  return new HarpError('CACHE_QUOTA', `no quota of a cache: ${why}`, { fix: cacheErrors.CACHE_QUOTA.fix })
}

/** A folder that is joined again stays what it is here: with files, or a cache. */
export function requireSameKind(
  known: { readonly name: string; readonly quota: number | undefined },
  isCache: boolean,
): void {
  if ((known.quota !== undefined) === isCache) return
  const here = isCache ? 'has files' : 'is a cache'
  throw new HarpError(
    'SYNC_FOLDER_KNOWN',
    `${known.name} ${here} on this device, the invitation is for another role`,
    {
      fix: 'remove the folder first, and join again',
    },
  )
}
