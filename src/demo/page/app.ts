import { appStyle } from './app-style.ts'
import { htmlDocument } from './document.ts'
import { attackScript } from './script-attack.ts'
import { chatScript } from './script-chat.ts'
import { clockScript } from './script-clock.ts'
import { httpScript } from './script-http.ts'
import { mainScript } from './script-main.ts'
import { pathStyle } from './path-style.ts'
import { sharedScript } from './script-shared.ts'
import { tunnelScript } from './script-tunnel.ts'
import { icon, style } from './style.ts'
import { tunnelCard } from './tunnel-card.ts'
import { tunnelStyle } from './tunnel-style.ts'

/** The sample app's page and its files. They are text in modules, so that the compiler carries them along. */
export interface Asset {
  readonly type: string
  readonly body: string
}

const script = 'text/javascript; charset=utf-8'
const assets: ReadonlyMap<string, Asset> = new Map([
  ['app.css', { type: 'text/css; charset=utf-8', body: style + pathStyle + tunnelStyle + appStyle }],
  ['icon.svg', { type: 'image/svg+xml', body: icon }],
  ['main.js', { type: script, body: mainScript }],
  ['shared.js', { type: script, body: sharedScript }],
  ['http.js', { type: script, body: httpScript }],
  ['clock.js', { type: script, body: clockScript }],
  ['chat.js', { type: script, body: chatScript }],
  ['attack.js', { type: script, body: attackScript }],
  ['tunnel.js', { type: script, body: tunnelScript }],
])

export function appAsset(name: string): Asset | undefined {
  return assets.get(name)
}

const levels = [
  { id: 'public', label: 'Public', who: 'anyone' },
  { id: 'user', label: 'User', who: 'signed-in people' },
  { id: 'admin', label: 'Admin', who: 'administrators' },
] as const

/** `base` is the app's address as the browser knows it, `/exapps/<id>/`. */
export function appPage(base: string): string {
  return htmlDocument({
    title: 'Harp demo',
    head: `<link rel="stylesheet" href="${base}assets/app.css">
<link rel="icon" href="${base}assets/icon.svg" type="image/svg+xml">
<script type="module" src="${base}assets/main.js"></script>`,
    body: `<body data-base="${base}">
<div class="top">
<a class="mark" href="/"><img src="${base}assets/icon.svg" width="30" height="30" alt="">Harp demo</a>
<div class="who"><span class="hint">You are</span>
<nav class="segments" id="identity" aria-label="Who you are">
<a href="/login?as=&amp;next=${base}" data-user="">nobody</a>
<a href="/login?as=alice&amp;next=${base}" data-user="alice">alice</a>
<a href="/login?as=admin&amp;next=${base}" data-user="admin">admin</a>
</nav></div>
</div>
<main>
<div class="intro">
<h1>An app behind the Harp gateway</h1>
<p class="lead">Everything on this page travels from your browser through the gateway, and on through a tunnel, to a
small app. The app has no sign-in and no open port: the gateway asks Nextcloud who you are and lets through what
you may reach.</p>
</div>
${pathCard}
${tunnelCard}
<div class="columns is-overview">
${reachCard()}
${clockCard}
</div>
<div class="columns">
${httpCard}
${chatCard}
</div>
${attackCard}
</main>
<footer>Nothing here is kept: sessions, secrets and chats end with the demo.</footer>
</body>`,
  })
}

const pathCard = `<section class="card" aria-label="The way of a request">
<div class="path">
<div class="node is-browser"><strong>Your browser</strong><span class="hint" id="path-you">…</span></div>
<div class="wire is-out" id="wire-out"><i></i></div>
<div class="node is-gateway"><strong>Harp gateway</strong><span class="hint">decides on every request</span></div>
<div class="wire is-in is-tunnel" id="wire-in"><b class="tube"></b><i></i><span class="caption is-first">tunnel</span>
<span class="caption is-second">mutual TLS</span></div>
<div class="node is-app"><strong>The app</strong><span class="hint" id="path-app">…</span></div>
<div class="wire is-ask"></div>
<div class="node is-nextcloud"><strong>Nextcloud</strong><span class="hint" id="path-asked">is asked once</span></div>
<p class="aside-note is-left">HTTP, Server-Sent Events and WebSockets share one address with Nextcloud. No
request passes through PHP.</p>
<p class="aside-note is-right">Nextcloud is asked once about the app and once about you. The gateway keeps what it
says about you for three seconds.</p>
</div>
</section>`

function reachCard(): string {
  const cell = (kind: string, level: string): string =>
    `<td><span class="badge" id="reach-${kind}-${level}">…</span></td>`
  const rows = levels.map(
    ({ id, label, who }) => `<tr><th scope="row"><span class="level">${label.toUpperCase()}</span>
<span class="hint">${who}</span></th>${cell('http', id)}${cell('events', id)}${cell('chat', id)}</tr>`,
  )
  return `<section class="card reach">
<header><h2>What you may reach</h2>
<p class="hint">The app’s routes have three levels. Each was just tried in three ways, as
<strong id="reach-you">…</strong>.</p></header>
<table><thead><tr><th scope="col">Level</th><th scope="col">HTTP</th><th scope="col">Events</th>
<th scope="col">WebSocket</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table>
</section>`
}

function levelButtons(id: string, label: string): string {
  const buttons = levels.map(
    (level) =>
      `<button type="button" data-level="${level.id}" aria-pressed="false"><span class="dot"></span>${level.label}</button>`,
  )
  return `<div class="segments" id="${id}" role="group" aria-label="${label}">${buttons.join('')}</div>`
}

const httpCard = `<section class="card" id="http">
<header><h2>HTTP: what the app sees</h2>
<p class="hint">Send a request at a level. The gateway removes its prefix and adds who you are.</p></header>
${levelButtons('http-levels', 'Level of the request')}
<p class="line"><code id="http-line">…</code><span class="badge" id="http-status">…</span>
<span class="hint" id="http-time"></span></p>
<dl class="facts" id="http-facts" hidden></dl>
<p class="nothing" id="http-note" hidden></p>
<p class="line"><button type="button" class="button" id="upload">Upload 8 MiB</button>
<span class="hint" id="upload-result">streams through, nothing is stored</span></p>
</section>`

const clockCard = `<section class="card" id="clock">
<header><h2>Server-Sent Events: a live clock</h2>
<p class="hint">One answer that never ends. Each event arrives the moment the app sends it.</p></header>
${levelButtons('clock-levels', 'Level of the clock')}
<p class="clock" id="clock-time" role="timer">--:--:--</p>
<p class="line"><span class="badge" id="clock-status">…</span><span class="hint" id="clock-count"></span></p>
</section>`

const chatCard = `<section class="card" id="chat">
<header><h2>WebSocket: a chat at each level</h2>
<p class="hint">Open this page in a second window, as somebody else, and talk.</p></header>
${levelButtons('chat-levels', 'Level of the chat')}
<p class="line"><span class="badge" id="chat-status">…</span><span class="hint" id="chat-present"></span></p>
<ul class="talk" id="chat-talk" aria-live="polite"></ul>
<form class="say" id="chat-form"><input id="chat-text" maxlength="500" autocomplete="off"
aria-label="Your message" placeholder="Say something"><button class="button is-main">Send</button></form>
</section>`

const attackCard = `<section class="card" id="attack">
<header><h2>Refused at the door</h2>
<p class="hint">Requests that should never reach the app. In earnest, an address that keeps trying is
banned for a while.</p>
</header>
<ul class="attempts" id="attempts"></ul>
</section>`
