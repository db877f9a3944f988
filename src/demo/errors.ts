import type { ErrorEntry } from '../base/errors.ts'

/** The demo's own error codes, for docs/errors.md; everything else comes from the gateway's table. */
export const demoErrors = {
  DEMO_NO_PORT: {
    summary: 'No port on 127.0.0.1 is free for the demo, not even one that the system chooses.',
    fix: 'Stop programs that hold many connections, or name a free port.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>
