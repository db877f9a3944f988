import { isIPv4 } from 'node:net'
import { canonicalAddress } from './address.ts'

/**
 * Whether the Host field of a request means this machine and not a name that was made to lead to it. A web page
 * whose name is suddenly resolved to 127.0.0.1 may read what a server there answers; but its browser says the name.
 */
export function isOwnHost(field: string, ownName: string): boolean {
  const name = field.replace(/:\d{1,5}$/, '').toLowerCase()
  if (name === 'localhost' || name === ownName.toLowerCase()) return true
  const bracketed = /^\[(.+)\]$/.exec(name)?.[1]
  return isLoopback(bracketed ?? (isIPv4(name) ? name : ''))
}

/** Of 127.0.0.0/8 or ::1. */
export function isLoopback(address: string): boolean {
  const canonical = canonicalAddress(address) ?? ''
  return canonical.startsWith('127.') || canonical === '::1'
}
