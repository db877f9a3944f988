/** The drawing of the way a request takes: beside each other where there is room, downwards where not. */
export const pathStyle = String.raw`
.path {
  display: grid;
  grid-template-columns: minmax(0, 1fr) minmax(70px, 0.5fr) minmax(0, 1fr) minmax(110px, 0.8fr) minmax(0, 1fr);
  grid-template-areas: 'browser out gateway in app' 'left left ask right right' 'left left nextcloud right right';
  align-items: center;
  margin: 0;
}

.node {
  display: flex;
  flex-direction: column;
  align-items: center;
  gap: 2px;
  border: 1.5px solid var(--strong-line);
  border-radius: 12px;
  background: var(--card);
  padding: 12px 10px;
  text-align: center;
  min-width: 0;
}

.node strong {
  font-size: 15px;
}

.node .hint {
  font-size: 13px;
  line-height: 1.35;
  overflow-wrap: anywhere;
}

.node.is-gateway {
  border-color: var(--accent);
  background: var(--accent-soft);
}

.node.is-browser { grid-area: browser; }
.node.is-gateway { grid-area: gateway; }
.node.is-app { grid-area: app; }
.node.is-nextcloud { grid-area: nextcloud; border-style: dashed; }

.wire {
  position: relative;
  align-self: stretch;
  min-height: 34px;
  --wire: var(--strong-line);
}

.wire::before {
  content: '';
  position: absolute;
  inset: calc(50% - 1px) 5px auto;
  border-top: 2px solid var(--wire);
}

.wire::after {
  content: '';
  position: absolute;
  right: 5px;
  top: calc(50% - 5px);
  width: 8px;
  height: 8px;
  border: solid var(--wire);
  border-width: 2px 2px 0 0;
  transform: rotate(45deg);
}

.wire.is-out { grid-area: out; }
.wire.is-in { grid-area: in; }

.wire.is-ask {
  grid-area: ask;
  justify-self: center;
  width: 2px;
  min-height: 30px;
}

.wire.is-ask::before {
  inset: 0 auto 0 0;
  border: 0;
  border-left: 2px dashed var(--wire);
}

.wire.is-ask::after {
  display: none;
}

.wire i {
  position: absolute;
  z-index: 1;
  left: 0;
  top: calc(50% - 5px);
  width: 10px;
  height: 10px;
  border-radius: 50%;
  background: var(--accent);
  opacity: 0;
}

.wire.is-busy i { animation: travel 0.55s ease-in-out; }
.wire.is-in.is-busy i { animation-delay: 0.3s; }

@keyframes travel {
  0% { left: 0; opacity: 1; }
  100% { left: calc(100% - 14px); opacity: 1; }
}

.aside-note {
  align-self: end;
  color: var(--soft);
  font-size: 13.5px;
}

.aside-note.is-left { grid-area: left; padding-right: 28px; }
.aside-note.is-right { grid-area: right; padding-left: 28px; }

@media (max-width: 620px) {
  .path {
    grid-template-columns: minmax(0, 1.15fr) 26px minmax(0, 1fr);
    grid-template-areas: 'browser left left' 'out . .' 'gateway ask nextcloud' 'in . .' 'app right right';
  }

  .wire.is-out,
  .wire.is-in {
    justify-self: center;
    width: 12px;
    min-height: 36px;
  }

  .wire.is-out::before,
  .wire.is-in::before {
    inset: 4px auto 4px 5px;
    border: 0;
    border-left: 2px solid var(--wire);
  }

  .wire.is-out::after,
  .wire.is-in::after {
    right: 2px;
    top: auto;
    bottom: 5px;
    transform: rotate(135deg);
  }

  .wire.is-ask {
    justify-self: stretch;
    width: auto;
  }

  .wire.is-ask::before {
    inset: calc(50% - 1px) 4px auto;
    border: 0;
    border-top: 2px dashed var(--wire);
  }

  .wire i { left: 1px; top: 0; }
  .wire.is-busy i { animation-name: travel-down; }

  .aside-note.is-left,
  .aside-note.is-right {
    align-self: center;
    padding: 0 0 0 14px;
    font-size: 13px;
  }
}

@keyframes travel-down {
  0% { top: 0; opacity: 1; }
  100% { top: calc(100% - 12px); opacity: 1; }
}

@media (prefers-reduced-motion: reduce) {
  .wire.is-busy i { animation: none; }
}
`
