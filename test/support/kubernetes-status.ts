/** The `Status` objects with which an API server refuses, worded as a real one (1.20 to 1.34) words them. */
export interface Refusal {
  readonly code: number
  readonly reason: string
  readonly message: string
}

export interface Attempt {
  readonly verb: string
  readonly resource: string
  /** Empty: the core group. */
  readonly group: string
  /** undefined: at the cluster scope. */
  readonly namespace?: string | undefined
  readonly name?: string | undefined
}

const user = 'system:serviceaccount:nextcloud:harp'

export function statusBody({ code, reason, message }: Refusal): string {
  return JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code,
  })
}

export function forbidden({ verb, resource, group, namespace, name }: Attempt): Refusal {
  const what = name === undefined ? qualified(resource, group) : `${qualified(resource, group)} "${name}"`
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`
  const message = `${what} is forbidden: User "${user}" cannot ${verb} resource "${resource}" in API group "${group}" ${where}`
  return { code: 403, reason: 'Forbidden', message }
}

export const unauthorized: Refusal = { code: 401, reason: 'Unauthorized', message: 'Unauthorized' }

export function notFound(resource: string, group: string, name: string): Refusal {
  return { code: 404, reason: 'NotFound', message: `${qualified(resource, group)} "${name}" not found` }
}

export function alreadyExists(
  resource: string,
  group: string,
  name: string,
  isBeingDeleted: boolean,
): Refusal {
  const message = `${qualified(resource, group)} "${name}" already exists`
  return {
    code: 409,
    reason: 'AlreadyExists',
    message: isBeingDeleted ? `object is being deleted: ${message}` : message,
  }
}

export function invalid(kind: string, name: string, problem: string): Refusal {
  return { code: 422, reason: 'Invalid', message: `${kind} "${name}" is invalid: ${problem}` }
}

export function badRequest(message: string): Refusal {
  return { code: 400, reason: 'BadRequest', message }
}

function qualified(resource: string, group: string): string {
  return group === '' ? resource : `${resource}.${group}`
}
