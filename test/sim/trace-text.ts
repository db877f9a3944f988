import type { Action, Step } from './schedule.ts'

/** A step in one line. */
export function describeStep(step: Step): string {
  const pause = step.after === 0 ? '' : `+${step.after} ms `
  return `${String(step.id).padStart(3)} ${pause}${describe(step)}`
}

function describe(step: Step): string {
  switch (step.do) {
    case 'act':
      return `${step.device}: ${step.action === undefined ? 'nothing' : describeAction(step.action)}`
    case 'cut':
      return `cut ${step.links.map(([from, to]) => `${from}→${to}`).join(' ')}`
    case 'crash':
      return `${step.device} dies (${step.at})`
    case 'roll-back':
      return `${step.device} goes back to its copy, and ${step.known ? 'knows it' : 'does not know it'}`
    case 'clock':
      return `the clock of ${step.device} is ${step.offset} ms ahead`
    case 'grant':
      return `${step.device} makes ${step.target} ${step.role}`
    case 'join':
      return `${step.target} joins by ${step.device} as ${step.role}${step.snapshot ? ' with a snapshot' : ''}`
    case 'revoke':
      return `${step.device} revokes ${step.target}`
    case 'replay':
      return `old batches again, from ${step.device} to ${step.target}`
    case 'forge':
      return `a forged ${step.how} to ${step.target}`
    case 'start':
    case 'copy':
    case 'prove':
      return `${step.device}: ${step.do}`
    case 'heal':
    case 'publish':
    case 'wait':
    case 'rest':
      return step.do
  }
}

function describeAction(action: Action): string {
  const path = 'path' in action ? `/${action.path.join('/')}` : ''
  switch (action.type) {
    case 'move':
      return `move ${path} to /${action.to.join('/')}`
    case 'restore':
      return `restore number ${action.which}`
    case 'old':
      return `put version number ${action.which} of ${path} again`
    case 'import':
      return `put ${action.names.join(' ')} in ${path}`
    case 'put':
    case 'symlink':
    case 'mkdir':
    case 'trash':
    case 'attr':
      return `${action.type} ${path}`
  }
}
