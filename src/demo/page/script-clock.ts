/** Served as `clock.js`: the card with the live clock. One stream is open at a time, none while hidden. */
export const clockScript = String.raw`import { base, byId, levels, levelSwitch, setBadge, traffic } from './shared.js'

const firstEventMs = 8000

/** Opens a stream and waits for its first event; a browser does not tell scripts why one was refused. */
function openStream(level) {
  return new Promise((resolve) => {
    const source = new EventSource(base + level + '/clock')
    const settle = (kind, event) => {
      clearTimeout(timer)
      source.onmessage = source.onerror = null
      if (kind !== 'ok') source.close()
      traffic(kind === 'ok')
      resolve({ kind, source, event })
    }
    const timer = setTimeout(() => settle('dropped'), firstEventMs)
    source.onmessage = (event) => settle('ok', event)
    source.onerror = () => settle(source.readyState === EventSource.CLOSED ? 'refused' : 'dropped')
  })
}

export function startClock(reached) {
  let wanted = 'public'
  let current = null
  const buttons = levelSwitch('clock-levels', (level) => {
    wanted = level
    void show(level)
  })

  function tell(level, kind) {
    buttons.mark(level, kind)
    reached(level, kind, kind === 'ok' ? 'live' : kind)
  }

  async function show(level) {
    current?.close()
    current = null
    buttons.press(level)
    const { kind, source, event } = await openStream(level)
    tell(level, kind)
    if (wanted !== level || document.hidden) {
      source.close()
      return
    }
    setBadge(byId('clock-status'), kind, kind === 'ok' ? 'live' : kind)
    byId('clock-time').textContent = '--:--:--'
    byId('clock-count').textContent = kind === 'ok' ? '' : 'the gateway did not let this stream through'
    if (kind !== 'ok') return
    current = source
    source.onmessage = (next) => tick(level, next)
    source.onerror = () => setBadge(byId('clock-status'), 'dropped', 'connecting again')
    tick(level, event)
  }

  function tick(level, event) {
    const data = JSON.parse(event.data)
    setBadge(byId('clock-status'), 'ok', 'live')
    byId('clock-time').textContent = new Date(data.at).toLocaleTimeString('en-GB')
    byId('clock-count').textContent = 'event ' + data.tick + ' for ' + (data.user || 'nobody')
  }

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void show(wanted)
    else current?.close()
  })

  return {
    async start() {
      // The others are tried once and closed again: browsers allow six streams to one address.
      for (const level of levels.filter((each) => each !== wanted)) {
        const { kind, source } = await openStream(level)
        source.close()
        tell(level, kind)
      }
      await show(wanted)
    },
    /** The same: the browser gives a stream up for good when it is answered with an error once. */
    async again() {
      if (current?.readyState !== EventSource.OPEN && !document.hidden) await show(wanted)
    },
  }
}
`
