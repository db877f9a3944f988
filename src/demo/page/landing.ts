import { htmlDocument } from './document.ts'

/** The stand-in Nextcloud's only page: choose who you are, then go on to the app. */
const people = [
  { as: '', name: 'Nobody', face: '?', hint: 'Not signed in. Reaches what is PUBLIC.' },
  { as: 'alice', name: 'alice', face: 'A', hint: 'A user. Reaches PUBLIC and USER.' },
  { as: 'admin', name: 'admin', face: '★', hint: 'An administrator. Reaches everything.' },
] as const

export function landingPage(user: string): string {
  const choices = people.map((person) => {
    const going = person.as === user ? 'Stay' : 'Continue'
    return `<li><a class="person" href="/login?as=${person.as}&amp;next=/exapps/demo/">
<span class="face" aria-hidden="true">${person.face}</span><span class="name">${person.name}</span>
<span class="hint">${person.hint}</span><span class="go">${going}</span></a></li>`
  })
  return htmlDocument({
    title: 'Harp demo',
    head: `<link rel="stylesheet" href="/demo/style.css">
<link rel="icon" href="/demo/icon.svg" type="image/svg+xml">`,
    body: `<body>
<main class="middle">
<p class="mark"><img src="/demo/icon.svg" width="30" height="30" alt="">Harp demo</p>
<h1>Who do you want to be?</h1>
<p class="lead">This page stands in for Nextcloud: it signs you in. The app behind the Harp gateway has no
sign-in of its own, the gateway tells it who you are.</p>
<ul class="people">
${choices.join('\n')}
</ul>
<p class="hint">There are no passwords here, and nothing leaves this machine.</p>
</main>
</body>`,
  })
}
