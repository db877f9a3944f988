/** Served as `http.js`: the card that sends plain requests and shows what the app saw of them. */
export const httpScript = String.raw`import { ask, base, byId, element, levelSwitch, setBadge } from './shared.js'

const uploadBytes = 8 * 1024 * 1024

export function startHttp(tell) {
  const buttons = levelSwitch('http-levels', (level) => void send(level))

  async function send(level) {
    const path = base + level + '/hello'
    const outcome = await ask(path)
    const hello = outcome.kind === 'ok' ? JSON.parse(outcome.text) : null
    buttons.press(level)
    buttons.mark(level, outcome.kind)
    tell.reached(level, outcome.kind, outcome.label)
    if (level === 'public' && hello !== null) tell.visitor(hello)
    if (hello !== null) tell.answered(hello)
    byId('http-line').textContent = 'GET ' + path
    setBadge(byId('http-status'), outcome.kind, outcome.label)
    byId('http-time').textContent = outcome.ms + ' ms'
    byId('http-facts').hidden = hello === null
    byId('http-note').hidden = hello !== null
    if (hello === null) byId('http-note').textContent = explain(outcome)
    else showFacts(hello)
  }

  byId('upload').addEventListener('click', () => void upload())
  return { send }
}

function explain(outcome) {
  if (outcome.label === '403') return 'The gateway answered this itself. The app saw nothing of it.'
  if (outcome.kind === 'dropped') return 'The gateway hung up without an answer.'
  return 'Not let through: ' + outcome.text.trim().slice(0, 120)
}

function showFacts(hello) {
  const facts = byId('http-facts')
  facts.replaceChildren()
  const row = (name, value) => facts.append(element('dt', '', name), element('dd', '', value))
  const codeRow = (name, value) => {
    const term = element('dt')
    const detail = element('dd')
    term.append(element('code', '', name))
    detail.append(element('code', '', value))
    facts.append(term, detail)
  }
  row('Visitor', hello.user === '' ? 'nobody, not signed in' : hello.user)
  codeRow('path', hello.path)
  facts.append(element('dt', 'is-heading', 'Set by the gateway, whatever the browser sent'))
  codeRow('ex-app-id', hello.headers['ex-app-id'] ?? '')
  codeRow('ex-app-version', hello.headers['ex-app-version'] ?? '')
  codeRow('aa-version', hello.headers['aa-version'] ?? '')
  codeRow('authorization-app-api', (hello.user || '') + ':(secret, checked)')
  facts.append(element('dt', 'is-heading', 'Passed on from the reverse proxy'))
  codeRow('x-forwarded-for', hello.headers['x-forwarded-for'] ?? '')
  codeRow('host', hello.headers.host ?? '')
}

async function upload() {
  const result = byId('upload-result')
  byId('upload').disabled = true
  result.textContent = 'on its way …'
  const outcome = await ask(base + 'public/upload', { method: 'POST', body: new Blob([new Uint8Array(uploadBytes)]) })
  const arrived = outcome.kind === 'ok' ? JSON.parse(outcome.text).bytes : 0
  result.textContent =
    outcome.kind === 'ok'
      ? (arrived / 1024 / 1024).toFixed(0) + ' MiB arrived in ' + outcome.ms + ' ms'
      : 'failed: ' + outcome.label
  byId('upload').disabled = false
}
`
