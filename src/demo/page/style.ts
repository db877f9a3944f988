/** Colours, type and the parts every page of the demo is made of; light and dark follow the system. */
export const style = String.raw`:root {
  color-scheme: light dark;
  --paper: #f4f6f9;
  --card: #ffffff;
  --sunk: #f3f5f8;
  --raised: #ffffff;
  --ink: #141a22;
  --soft: #566171;
  --line: #dfe4ea;
  --strong-line: #c3ccd6;
  --accent: #1f5fd6;
  --accent-ink: #ffffff;
  --accent-soft: #e8f0fe;
  --ok: #0b6b3a;
  --ok-soft: #dff4e7;
  --refused: #7d4e00;
  --refused-soft: #fdeecb;
  --dropped: #a8201a;
  --dropped-soft: #fde4e1;
  --shadow: 0 1px 2px rgb(20 26 34 / 6%), 0 6px 20px rgb(20 26 34 / 5%);
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace;
}

@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0d1117;
    --card: #161c25;
    --sunk: #0f141b;
    --raised: #2b3545;
    --ink: #e7ecf2;
    --soft: #9ba8b8;
    --line: #29323e;
    --strong-line: #3d4857;
    --accent: #82aaff;
    --accent-ink: #0c1730;
    --accent-soft: #1b2a48;
    --ok: #6fdca0;
    --ok-soft: #12352a;
    --refused: #f3c465;
    --refused-soft: #3a2c0d;
    --dropped: #ff9a90;
    --dropped-soft: #441c1a;
    --shadow: none;
  }
}

* {
  box-sizing: border-box;
}

html {
  background: var(--paper);
}

body {
  margin: 0 auto;
  max-width: 1120px;
  padding: 0 24px 56px;
  color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', Arial, sans-serif;
  -webkit-text-size-adjust: 100%;
}

h1,
h2,
p {
  margin: 0;
}

h1 {
  font-size: clamp(25px, 3.4vw, 34px);
  line-height: 1.18;
  letter-spacing: -0.02em;
  text-wrap: balance;
}

h2 {
  font-size: 17px;
  line-height: 1.3;
  letter-spacing: -0.005em;
}

a {
  color: var(--accent);
}

code {
  font: 0.89em/1.45 var(--mono);
  overflow-wrap: anywhere;
}

:focus-visible {
  outline: 3px solid var(--accent);
  outline-offset: 2px;
}

.lead {
  max-width: 62ch;
  color: var(--soft);
  font-size: 16px;
}

.hint {
  color: var(--soft);
  font-size: 14px;
}

.mark {
  display: inline-flex;
  align-items: center;
  gap: 10px;
  color: inherit;
  font-size: 16px;
  font-weight: 650;
  text-decoration: none;
}

.mark img {
  display: block;
}

.card {
  display: flex;
  flex-direction: column;
  gap: 14px;
  border: 1px solid var(--line);
  border-radius: 14px;
  background: var(--card);
  box-shadow: var(--shadow);
  padding: 20px 22px 22px;
  min-width: 0;
}

.card header {
  display: flex;
  flex-direction: column;
  gap: 4px;
}

.badge {
  display: inline-flex;
  align-items: center;
  gap: 6px;
  border-radius: 999px;
  background: var(--sunk);
  color: var(--soft);
  padding: 2px 10px 2px 8px;
  font-size: 13px;
  font-weight: 600;
  font-variant-numeric: tabular-nums;
  white-space: nowrap;
}

.badge::before {
  content: '';
  width: 7px;
  height: 7px;
  border-radius: 50%;
  background: currentColor;
}

.badge[data-kind='ok'] {
  background: var(--ok-soft);
  color: var(--ok);
}

.badge[data-kind='refused'] {
  background: var(--refused-soft);
  color: var(--refused);
}

.badge[data-kind='dropped'] {
  background: var(--dropped-soft);
  color: var(--dropped);
}

.button {
  border: 1px solid var(--strong-line);
  border-radius: 9px;
  background: var(--card);
  color: var(--ink);
  padding: 6px 14px;
  font: inherit;
  font-size: 14px;
  font-weight: 600;
  cursor: pointer;
}

.button:hover {
  border-color: var(--accent);
  color: var(--accent);
}

.button.is-main {
  border-color: var(--accent);
  background: var(--accent);
  color: var(--accent-ink);
}

.button:disabled {
  border-color: var(--line);
  background: var(--sunk);
  color: var(--soft);
  cursor: not-allowed;
}

.segments {
  display: inline-flex;
  align-self: start;
  border: 1px solid var(--line);
  border-radius: 10px;
  background: var(--sunk);
  padding: 3px;
  gap: 2px;
  max-width: 100%;
}

.segments > * {
  border: 0;
  border-radius: 7px;
  background: none;
  color: var(--soft);
  padding: 5px 13px;
  font: inherit;
  font-size: 14px;
  font-weight: 600;
  text-decoration: none;
  cursor: pointer;
  white-space: nowrap;
}

.segments > :hover {
  color: var(--ink);
}

.segments > [aria-pressed='true'],
.segments > [aria-current='true'] {
  background: var(--raised);
  color: var(--ink);
  box-shadow: 0 0 0 1px var(--line), 0 1px 3px rgb(0 0 0 / 10%);
}

.middle {
  max-width: 640px;
  margin: clamp(32px, 10vh, 110px) auto 0;
  display: flex;
  flex-direction: column;
  gap: 22px;
}

.people {
  display: grid;
  gap: 12px;
  margin: 0;
  padding: 0;
  list-style: none;
}

.person {
  display: grid;
  grid-template-columns: 44px 1fr auto;
  align-items: center;
  gap: 2px 14px;
  border: 1px solid var(--line);
  border-radius: 14px;
  background: var(--card);
  box-shadow: var(--shadow);
  color: inherit;
  padding: 14px 18px;
  text-decoration: none;
}

.person:hover {
  border-color: var(--accent);
}

.person .face {
  grid-row: span 2;
  display: grid;
  place-items: center;
  width: 44px;
  height: 44px;
  border-radius: 50%;
  background: var(--accent-soft);
  color: var(--accent);
  font-weight: 700;
}

.person .name {
  font-weight: 650;
}

.person .hint {
  grid-column: 2;
}

.person .go {
  grid-area: 1 / 3 / span 2;
  color: var(--accent);
  font-weight: 600;
}

@media (max-width: 620px) {
  body {
    padding: 0 14px 40px;
  }

  .card {
    padding: 17px 16px 18px;
  }
}
`

/** A harp of five strings, in the accent colour of both schemes. */
export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32">
<rect width="32" height="32" rx="8" fill="#1f5fd6"/>
<path d="M8 25V7c5 0 6.500 4.500 10 4.500S22.500 8.500 25 8.500L8 25z" fill="none" stroke="#fff" stroke-width="2.200" stroke-linejoin="round"/>
<path d="M11.500 10v11M15 12.500v5.500M18.500 13.500v1.500" stroke="#fff" stroke-width="1.600" stroke-linecap="round"/>
</svg>
`
