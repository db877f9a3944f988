/** The card with the tunnel's live facts and the button that cuts it. */
const facts = [
  ['age', 'Open for'],
  ['peer', 'Client came from'],
  ['tls', 'Both sides showed'],
  ['login', 'Logged in with'],
  ['connections', 'Connections'],
  ['rtt', 'Round trip'],
  ['to-app', 'To the app'],
  ['from-app', 'From the app'],
] as const

export const tunnelCard = `<section class="card" id="tunnel">
<header><div class="line"><h2>The tunnel to the app</h2><span class="badge" id="tunnel-state">…</span></div>
<p class="hint">The app listens on a Unix socket and on no port. Its client dialled the gateway, as it would from
behind NAT or from a GPU server, and the gateway sends requests back through that connection.</p></header>
<dl class="tiles">
${facts.map(([id, name]) => `<div><dt>${name}</dt><dd id="tunnel-${id}">…</dd></div>`).join('\n')}
</dl>
<p class="line"><button type="button" class="button" id="tunnel-cut">Cut the tunnel</button>
<span class="hint" id="tunnel-story" aria-live="polite">Pulls the cable between the two for a moment. Watch the clock and
the chat.</span></p>
</section>`
