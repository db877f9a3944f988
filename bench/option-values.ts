/** Values of command line options; each throws with a text for the user. */

export function readWholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new Error(`${name} is a whole number from ${min} to ${max}, not "${text}"`)
  }
  return value
}

export function readChoice<Name extends string>(option: string, names: readonly Name[], text: string): Name {
  const known = names.find((each) => each === text)
  if (known === undefined) throw new Error(`${option} takes one of ${names.join(', ')}, not "${text}"`)
  return known
}

export interface HarpBuild {
  readonly name: string
  readonly directory: string
}

/** `NAME=DIRECTORY`: another build to measure beside this one. */
export function readBuild(text: string): HarpBuild {
  const [, name, directory] = /^([\w.-]+)=(.+)$/.exec(text) ?? []
  if (name === undefined || directory === undefined) {
    throw new Error(`--build is NAME=DIRECTORY, not "${text}"`)
  }
  return { name, directory }
}
