/** Names of an ExApp's container and volume at an engine, and the grammar of what they are made of (W44). */
export interface AppNames {
  readonly name: string
  readonly instanceId: string
  readonly roleSuffix: string
}

/** What Docker takes as a name; 63 characters, since the name is the container's host name too. */
export const appNamePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/
/** Parts in the middle and at the end of a name; they may be empty. */
export const namePartPattern = /^[a-zA-Z0-9_.-]{0,63}$/

/** `nc_app_[{instanceId}_]{name}[_{roleSuffix}]` */
export function containerName(names: AppNames): string {
  return names.roleSuffix === '' ? baseName(names) : `${baseName(names)}_${names.roleSuffix}`
}

/** `nc_app_[{instanceId}_]{name}_data`: one for all roles of an app. */
export function volumeName(names: AppNames): string {
  return `${baseName(names)}_data`
}

function baseName({ name, instanceId }: AppNames): string {
  return instanceId === '' ? `nc_app_${name}` : `nc_app_${instanceId}_${name}`
}
