import { htmlDocument } from './document.ts'

/** What the front says where nothing came back from behind it. */
export const droppedPage = errorPage('The gateway hung up without a word', [
  'It does that with requests that only an attacker sends: paths that climb out of the app, and doors that ' +
    'are kept for Nextcloud. A reverse proxy makes it a <strong>502</strong>.',
  'If every page of the app says this, the gateway has banned this address after too many refused requests. ' +
    'That ends by itself within minutes.',
])

export const unreachablePage = errorPage('Nobody answers behind the reverse proxy', [
  'The demo’s gateway or its Nextcloud is not there. Stop the demo and start it again.',
])

function errorPage(title: string, paragraphs: readonly string[]): string {
  return htmlDocument({
    title,
    head: '<link rel="stylesheet" href="/demo/style.css">',
    body: `<body>
<main class="middle">
<p><span class="badge" data-kind="dropped">502</span></p>
<h1>${title}</h1>
${paragraphs.map((text) => `<p class="lead">${text}</p>`).join('\n')}
<p><a href="/">Back to the start</a></p>
</main>
</body>`,
  })
}
