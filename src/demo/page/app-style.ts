/** The sample app's own layout on top of the shared style: the table of levels and the cards. */
export const appStyle = String.raw`
.top {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  justify-content: space-between;
  gap: 12px 20px;
  padding: 18px 0;
}

.who {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 6px 12px;
}

main {
  display: flex;
  flex-direction: column;
  gap: 20px;
}

.intro {
  display: flex;
  flex-direction: column;
  gap: 10px;
  padding: 18px 0 10px;
}

table {
  width: 100%;
  border-collapse: collapse;
}

th,
td {
  border-top: 1px solid var(--line);
  padding: 11px 10px 11px 0;
  text-align: left;
  vertical-align: middle;
}

thead th {
  border: 0;
  padding-top: 0;
  color: var(--soft);
  font-size: 13px;
  font-weight: 600;
}

tbody th {
  font-weight: 400;
}

tbody tr:last-child > * {
  padding-bottom: 0;
}

.level {
  display: inline-block;
  min-width: 76px;
  font: 600 13px/1.5 var(--mono);
}

.columns {
  display: grid;
  grid-template-columns: repeat(2, minmax(0, 1fr));
  gap: 20px;
}

.columns.is-overview {
  grid-template-columns: minmax(0, 1.75fr) minmax(0, 1fr);
}

.line {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 6px 10px;
}

.facts {
  display: grid;
  grid-template-columns: auto minmax(0, 1fr);
  margin: 0;
  border-radius: 10px;
  background: var(--sunk);
  padding: 6px 14px;
  font-size: 14px;
}

.facts dt,
.facts dd {
  margin: 0;
  padding: 5px 0;
}

.facts dt {
  padding-right: 16px;
  color: var(--soft);
}

.facts dd {
  overflow-wrap: anywhere;
}

.facts > .is-heading {
  grid-column: 1 / -1;
  margin-top: 5px;
  border-top: 1px solid var(--line);
  padding-top: 9px;
  font-size: 13px;
}

.nothing {
  display: grid;
  flex: 1;
  place-content: center;
  min-height: 120px;
  border-radius: 10px;
  background: var(--sunk);
  color: var(--soft);
  padding: 20px;
  font-size: 14px;
  text-align: center;
  text-wrap: balance;
}

[hidden] {
  display: none !important;
}

.clock {
  font-size: clamp(38px, 6vw, 52px);
  font-weight: 650;
  line-height: 1.1;
  letter-spacing: -0.02em;
  font-variant-numeric: tabular-nums;
}

.segments .dot {
  display: inline-block;
  width: 8px;
  height: 8px;
  margin-right: 7px;
  border-radius: 50%;
  background: var(--strong-line);
}

.dot[data-kind='ok'] { background: var(--ok); }
.dot[data-kind='refused'] { background: var(--refused); }
.dot[data-kind='dropped'] { background: var(--dropped); }

.talk {
  display: flex;
  flex: 1;
  flex-direction: column;
  gap: 8px;
  height: 250px;
  min-height: 250px;
  max-height: 420px;
  margin: 0;
  overflow-y: auto;
  border-radius: 10px;
  background: var(--sunk);
  padding: 14px;
  list-style: none;
}

.talk li {
  max-width: 85%;
  align-self: start;
  border: 1px solid var(--line);
  border-radius: 4px 12px 12px;
  background: var(--card);
  padding: 6px 12px;
  overflow-wrap: anywhere;
}

.talk li.is-mine {
  align-self: end;
  border-color: transparent;
  border-radius: 12px 4px 12px 12px;
  background: var(--accent-soft);
}

.talk li.is-quiet {
  max-width: none;
  align-self: center;
  margin: auto;
  border: 0;
  background: none;
  color: var(--soft);
  font-size: 14px;
  text-align: center;
}

.talk .from {
  display: block;
  color: var(--soft);
  font-size: 12.5px;
  font-weight: 600;
}

.say {
  display: flex;
  gap: 8px;
}

.say input {
  flex: 1;
  min-width: 0;
  border: 1px solid var(--strong-line);
  border-radius: 9px;
  background: var(--card);
  color: var(--ink);
  padding: 8px 12px;
  font: inherit;
}

.say input:disabled {
  border-color: var(--line);
  background: var(--sunk);
}

.attempts {
  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr));
  gap: 12px;
  margin: 0;
  padding: 0;
  list-style: none;
}

.attempts li {
  display: grid;
  grid-template: auto auto 1fr / minmax(0, 1fr) auto;
  gap: 3px 14px;
  border-radius: 10px;
  background: var(--sunk);
  padding: 12px 14px;
  font-size: 14px;
}

.attempts .button {
  grid-area: 1 / 2 / span 3;
  align-self: start;
}

.attempts .name {
  font-weight: 600;
}

.attempts code {
  grid-column: 1;
  font-size: 12.5px;
}

.attempts .badge {
  justify-self: start;
  align-self: end;
  margin-top: 5px;
}

footer {
  padding-top: 26px;
  color: var(--soft);
  font-size: 14px;
}

@media (min-width: 861px) {
  /* What an answer shows must not move the cards below. */
  #http {
    min-height: 604px;
  }
}

@media (max-width: 860px) {
  .columns,
  .columns.is-overview {
    grid-template-columns: minmax(0, 1fr);
  }
}

@media (max-width: 620px) {
  .level {
    display: block;
  }

  th,
  td {
    padding-right: 4px;
  }

  td:last-child,
  thead th:last-child {
    padding-right: 0;
  }

  thead th {
    font-size: 12.5px;
  }

  .reach .badge {
    gap: 5px;
    padding: 2px 7px 2px 6px;
    font-size: 12px;
  }
}
`
