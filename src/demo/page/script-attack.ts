/** Served as `attack.js`: the card with requests that the gateway should stop, sent on a click. */
export const attackScript = String.raw`import { ask, base, byId, element, setBadge } from './shared.js'

const attempts = [
  { name: 'Claim to be admin by a header', path: base + 'admin/hello', headers: { 'authorization-app-api': btoa('admin:guess') } },
  { name: 'Climb out of the app', path: base + 'public/a%2f..%2f..%2fsecrets' },
  { name: 'Call a door kept for Nextcloud', path: base + 'heartbeat' },
  { name: 'A path that no route allows', path: base + 'backstage' },
  { name: 'An app that does not exist', path: '/exapps/no-such-app/' },
  { name: 'The gateway’s controls without the key', path: '/exapps/app_api/info' },
]

export function startAttack() {
  for (const attempt of attempts) {
    const item = element('li')
    const badge = element('span', 'badge', 'not tried')
    const button = element('button', 'button', 'Try')
    button.type = 'button'
    button.setAttribute('aria-label', 'Try: ' + attempt.name)
    button.addEventListener('click', async () => {
      button.disabled = true
      const outcome = await ask(attempt.path, { headers: attempt.headers })
      setBadge(badge, outcome.kind, label(attempt, outcome))
      button.disabled = false
    })
    item.append(element('span', 'name', attempt.name), element('code', 'hint', attempt.path), badge, button)
    byId('attempts').append(item)
  }
}

/** As admin the first one gets through, and the app still sees the true name. */
function label(attempt, outcome) {
  if (outcome.kind !== 'ok' || attempt.headers === undefined) return outcome.label
  return outcome.label + ', seen as ' + (JSON.parse(outcome.text).user || 'nobody')
}
`
