/** Served as `chat.js`: the card with three chats, each on a WebSocket of its own. */
export const chatScript = String.raw`import { base, byId, element, levels, levelSwitch, setBadge, traffic } from './shared.js'

const againMs = 3000
const keptLines = 100

export function startChat(reached) {
  const rooms = new Map()
  let shown = 'public'
  const buttons = levelSwitch('chat-levels', (level) => {
    shown = level
    if (rooms.get(level)?.kind === 'refused') connect(level)
    draw()
  })

  function connect(level, wasOpenBefore = false) {
    const room = { kind: 'waiting', you: '', present: 0, said: [], socket: null, retry: null }
    rooms.set(level, room)
    const scheme = location.protocol === 'https:' ? 'wss://' : 'ws://'
    const socket = new WebSocket(scheme + location.host + base + 'chat/' + level)
    room.socket = socket
    socket.onopen = () => {
      traffic(true)
      settle(level, room, 'ok')
    }
    socket.onmessage = (event) => {
      take(room, JSON.parse(event.data))
      if (level === shown) draw()
    }
    socket.onclose = () => {
      // Never open means refused: asking again would only be refused again.
      const wasOpen = room.kind === 'ok' || wasOpenBefore
      if (room.kind !== 'ok') traffic(false)
      settle(level, room, wasOpen ? 'dropped' : 'refused')
      if (wasOpen) room.retry = setTimeout(() => connect(level, true), againMs)
    }
  }

  function settle(level, room, kind) {
    room.kind = kind
    buttons.mark(level, kind)
    reached(level, kind, kind === 'ok' ? 'open' : kind)
    if (level === shown) draw()
  }

  function take(room, event) {
    if (event.kind === 'welcome') Object.assign(room, { you: event.you, present: event.present, said: event.said })
    else if (event.kind === 'present') room.present = event.present
    else room.said = [...room.said, event].slice(-keptLines)
  }

  function draw() {
    const room = rooms.get(shown)
    buttons.press(shown)
    if (room === undefined) return
    const isOpen = room.kind === 'ok'
    setBadge(byId('chat-status'), room.kind, isOpen ? 'open' : room.kind)
    byId('chat-present').textContent = isOpen
      ? 'you are ' + room.you + (room.present > 1 ? ', ' + room.present + ' are here' : ', nobody else is here')
      : ''
    byId('chat-text').disabled = !isOpen
    byId('chat-form').querySelector('button').disabled = !isOpen
    byId('chat-text').placeholder =
      isOpen ? 'Say something' : room.kind === 'refused' ? 'This chat is not open to you' : 'Connecting …'
    byId('chat-talk').replaceChildren(...lines(room))
    byId('chat-talk').scrollTop = byId('chat-talk').scrollHeight
  }

  function lines(room) {
    if (room.kind === 'refused') return [quiet('The gateway refused the WebSocket. The app does not know that you tried.')]
    if (room.said.length === 0) return [quiet(room.kind === 'ok' ? 'Nothing said yet.' : 'Connecting …')]
    return room.said.map((line) => {
      const item = element('li', line.from === room.you ? 'is-mine' : '')
      item.append(element('span', 'from', line.from), document.createTextNode(line.text))
      return item
    })
  }

  const quiet = (text) => element('li', 'is-quiet', text)

  byId('chat-form').addEventListener('submit', (event) => {
    event.preventDefault()
    const input = byId('chat-text')
    const room = rooms.get(shown)
    if (room?.kind !== 'ok' || input.value.trim() === '') return
    room.socket.send(input.value)
    input.value = ''
    traffic(true)
  })

  return {
    start() {
      for (const level of levels) connect(level)
      draw()
    },
    /** What was lost is tried at once, because the way is there again. */
    again() {
      for (const [level, room] of rooms) {
        if (room.kind !== 'dropped') continue
        clearTimeout(room.retry)
        connect(level, true)
      }
    },
  }
}
`
