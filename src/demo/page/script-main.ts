/** Served as `main.js`: who the visitor is, the numbers in the drawing, and the order in which things start. */
export const mainScript = String.raw`import { base, byId, levels, onTraffic, setBadge } from './shared.js'
import { startHttp } from './http.js'
import { startClock } from './clock.js'
import { startChat } from './chat.js'
import { startAttack } from './attack.js'
import { startTunnel } from './tunnel.js'

const reached = (way) => (level, kind, label) => setBadge(byId('reach-' + way + '-' + level), kind, label)

function showVisitor(hello) {
  const name = hello.user === '' ? 'nobody' : hello.user
  byId('path-you').textContent = hello.user === '' ? 'not signed in' : 'signed in as ' + name
  byId('reach-you').textContent = name
  for (const link of byId('identity').querySelectorAll('a')) {
    link.setAttribute('aria-current', String(link.dataset.user === hello.user))
  }
}

const times = (count) => (count === 1 ? 'once' : count + ' times')

let isCounting = false
/** At most one at a time, and a moment after the traffic that caused it. */
async function showNumbers() {
  if (isCounting) return
  isCounting = true
  try {
    await new Promise((resolve) => setTimeout(resolve, 400))
    const asked = await (await fetch('/demo/asked', { cache: 'no-store' })).json()
    byId('path-asked').textContent =
      'asked ' + times(asked.record) + ' about the app, ' + times(asked.visitor) + ' about visitors'
  } catch {
    // The numbers are decoration: the next request tries again.
  } finally {
    isCounting = false
  }
}

function showAnswered(hello) {
  byId('path-app').textContent = hello.answered === 1 ? 'has answered 1 request' : 'has answered ' + hello.answered + ' requests'
}

onTraffic(showNumbers)
const http = startHttp({ reached: reached('http'), visitor: showVisitor, answered: showAnswered })
const clock = startClock(reached('events'))
const chat = startChat(reached('chat'))
startAttack()
for (const level of levels.toReversed()) await http.send(level)
await clock.start()
chat.start()
startTunnel(() => {
  void clock.again()
  chat.again()
})
document.body.dataset.ready = base
`
