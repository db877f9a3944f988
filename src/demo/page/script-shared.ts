/** Served as `shared.js`: one request with its outcome, badges, and the dot that travels along the path. */
export const sharedScript = String.raw`export const base = document.body.dataset.base
export const levels = ['public', 'user', 'admin']
export const byId = (id) => document.getElementById(id)

/** Runs after each request, so that the numbers of the drawing follow. */
const listeners = []
export const onTraffic = (listener) => listeners.push(listener)

export function traffic(reachedApp) {
  pulse(byId('wire-out'))
  if (reachedApp) pulse(byId('wire-in'))
  for (const listener of listeners) listener()
}

function pulse(wire) {
  wire.onanimationend = () => wire.classList.remove('is-busy')
  wire.classList.remove('is-busy')
  // Reading the layout in between starts the animation anew.
  void wire.offsetWidth
  wire.classList.add('is-busy')
}

/** kind: ok, refused (the gateway or the app said no) or dropped (the gateway hung up). */
export async function ask(path, options) {
  const startedAt = performance.now()
  const outcome = await tryFetch(path, options)
  outcome.ms = Math.max(1, Math.round(performance.now() - startedAt))
  traffic(outcome.kind === 'ok')
  return outcome
}

async function tryFetch(path, options) {
  try {
    const response = await fetch(path, { cache: 'no-store', ...options })
    const text = await response.text()
    const proxySays = response.headers.get('harp-demo-outcome')
    if (proxySays !== null) return { kind: 'dropped', label: proxySays, text }
    const kind = response.ok ? 'ok' : response.status >= 500 ? 'dropped' : 'refused'
    return { kind, label: String(response.status), text }
  } catch {
    return { kind: 'dropped', label: 'no answer', text: '' }
  }
}

export function setBadge(badge, kind, label) {
  badge.dataset.kind = kind
  badge.textContent = label
}

/** Buttons of one group: exactly one is pressed; choose is told its level. */
export function levelSwitch(id, choose) {
  const buttons = [...byId(id).querySelectorAll('button')]
  const press = (level) => {
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset.level === level))
  }
  for (const button of buttons) {
    button.addEventListener('click', () => {
      press(button.dataset.level)
      choose(button.dataset.level)
    })
  }
  return {
    press,
    mark(level, kind) {
      const button = buttons.find((each) => each.dataset.level === level)
      button.querySelector('.dot').dataset.kind = kind
    },
  }
}

export function element(name, className, text) {
  const made = document.createElement(name)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
}
`
