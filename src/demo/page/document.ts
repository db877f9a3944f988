/** The frame every page of the demo stands in. `head` and `body` are markup, `title` is text. */
export interface Page {
  readonly title: string
  readonly head: string
  readonly body: string
}

export function htmlDocument(page: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title}</title>
${page.head}
</head>
${page.body}
</html>
`
}
