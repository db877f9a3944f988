import { privateName } from './private-directory.ts'

/**
 * Whether a symlink at `path`, which is relative to the folder, may point to `target`: to something below the folder
 * and not in the private directory, whatever the other symlinks of the folder point to. So `..` is taken at the front
 * only, where it climbs real directories: behind a name it would climb from wherever a symlink of that name leads.
 */
export function staysInside(path: string, target: string): boolean {
  if (target === '' || target.startsWith('/') || target.includes('\0')) return false
  let depth = path.split('/').filter(isStep).length - 1
  let isBelowName = false
  for (const step of target.split('/')) {
    if (!isStep(step)) continue
    if (step === '..') {
      depth--
      if (isBelowName || depth < 0) return false
    } else {
      if (step.toLowerCase() === privateName) return false
      isBelowName = true
    }
  }
  return true
}

function isStep(step: string): boolean {
  return step !== '' && step !== '.'
}
