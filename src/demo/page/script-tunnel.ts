/** Served as `tunnel.js`: the card with the tunnel as the gateway sees it, and the button that cuts it. */
export const tunnelScript = String.raw`import { byId, setBadge } from './shared.js'

const calmMs = 1000
const tenseMs = 150

export function startTunnel(onHealed) {
  let timer
  let wasLost = false
  let story = ''

  async function look(request) {
    clearTimeout(timer)
    let isOpen = false
    try {
      const response = await fetch(request?.path ?? '/demo/tunnel', { method: request?.method ?? 'GET', cache: 'no-store' })
      if (response.ok) isOpen = show(await response.json())
    } catch {
      // The demo is gone or busy: the next look tells.
    }
    if (!document.hidden) timer = setTimeout(look, isOpen ? calmMs : tenseMs)
  }

  function show(tunnel) {
    const isOpen = tunnel.state === 'open' && !tunnel.isCut
    setBadge(byId('tunnel-state'), isOpen ? 'ok' : 'dropped', isOpen ? 'open' : tunnel.isCut ? 'cut' : 'connecting again')
    byId('wire-in').dataset.state = isOpen ? 'open' : 'lost'
    byId('tunnel-cut').disabled = !isOpen
    if (isOpen) showFacts(tunnel)
    else for (const name of ['age', 'connections', 'rtt']) byId('tunnel-' + name).textContent = '–'
    if (!isOpen) story = tunnel.isCut ? 'Cut. Whatever was on its way has ended, and the gateway answers 503.' : 'The cable is back; the client is dialling.'
    else if (wasLost) story = healedText(tunnel.healedMs)
    if (story !== '' && byId('tunnel-story').textContent !== story) byId('tunnel-story').textContent = story
    if (isOpen && wasLost) onHealed()
    wasLost = !isOpen
    return isOpen
  }

  byId('tunnel-cut').addEventListener('click', () => {
    byId('tunnel-cut').disabled = true
    void look({ path: '/demo/tunnel/cut', method: 'POST' })
  })
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void look()
  })
  void look()
}

function healedText(ms) {
  if (ms === null) return 'Healed by itself.'
  return 'Healed by itself, ' + (ms / 1000).toFixed(1) + ' s after the cable was back.'
}

function showFacts(tunnel) {
  const { bytes, connections, certificate } = tunnel
  const facts = {
    age: duration(tunnel.ageSeconds),
    peer: tunnel.peer,
    tls: certificate === null ? 'no certificate' : 'a certificate of this gateway',
    login: tunnel.identity.kind === 'token' ? 'a token of its own' : 'the shared key',
    connections: connections.active + ' in use, ' + connections.total + ' so far',
    rtt: tunnel.roundTripMs === null ? 'not measured yet' : (tunnel.roundTripMs < 10 ? tunnel.roundTripMs.toFixed(1) : Math.round(tunnel.roundTripMs)) + ' ms',
    'to-app': size(bytes.toApp),
    'from-app': size(bytes.fromApp),
  }
  for (const [name, text] of Object.entries(facts)) byId('tunnel-' + name).textContent = text
  byId('tunnel-tls').title = certificate === null ? '' : certificate.subject + ', valid until ' + certificate.validTo.slice(0, 10)
}

function duration(seconds) {
  if (seconds < 60) return seconds + ' s'
  return Math.floor(seconds / 60) + ' min ' + (seconds % 60) + ' s'
}

function size(bytes) {
  if (bytes < 1024) return bytes + ' B'
  return bytes < 1024 * 1024 ? (bytes / 1024).toFixed(1) + ' KiB' : (bytes / 1024 / 1024).toFixed(1) + ' MiB'
}
`
