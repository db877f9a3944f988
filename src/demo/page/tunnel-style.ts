/** The tunnel in the drawing, and its card. */
export const tunnelStyle = String.raw`
.wire.is-tunnel {
  --wire: var(--accent);
}

.wire .tube {
  position: absolute;
  inset: calc(50% - 10px) 5px auto;
  height: 20px;
  border: 1.5px solid var(--accent);
  border-radius: 10px;
  background: var(--accent-soft);
}

.wire.is-tunnel::before { inset: calc(50% - 1px) 14px auto; }
.wire.is-tunnel::after { right: 14px; }

.wire .caption {
  position: absolute;
  left: 0;
  right: 0;
  color: var(--soft);
  font-size: 12px;
  font-weight: 600;
  line-height: 1;
  text-align: center;
  white-space: nowrap;
}

.wire .caption.is-first { bottom: calc(50% + 15px); }
.wire .caption.is-second { top: calc(50% + 15px); }

.wire.is-tunnel[data-state='lost'] {
  --wire: var(--dropped);
}

.wire[data-state='lost'] .tube {
  border-style: dashed;
  border-color: var(--dropped);
  background: var(--dropped-soft);
}

.wire.is-tunnel[data-state='lost']::before { border-top-style: dotted; border-left-style: dotted; }
.wire[data-state='lost'] .caption { color: var(--dropped); }
.wire[data-state='lost'] i { display: none; }

.tiles {
  display: grid;
  grid-template-columns: repeat(4, minmax(0, 1fr));
  gap: 1px;
  margin: 0;
  overflow: hidden;
  border-radius: 10px;
  background: var(--line);
}

.tiles > div {
  background: var(--sunk);
  padding: 10px 14px 11px;
  min-width: 0;
}

.tiles dt {
  color: var(--soft);
  font-size: 13px;
}

.tiles dd {
  margin: 0;
  font-weight: 600;
  font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere;
}

@media (max-width: 860px) {
  .tiles {
    grid-template-columns: repeat(2, minmax(0, 1fr));
  }
}

@media (max-width: 620px) {
  .wire.is-in.is-tunnel {
    min-height: 62px;
  }

  .wire .tube {
    inset: 3px auto 3px -4px;
    width: 20px;
    height: auto;
  }

  .wire.is-tunnel::before { inset: 10px auto 10px 5px; }
  .wire.is-tunnel::after { right: 2px; bottom: 11px; }

  .wire .caption {
    left: 28px;
    right: auto;
  }

  .wire .caption.is-first { bottom: calc(50% + 2px); }
  .wire .caption.is-second { top: calc(50% + 3px); }
}
`
