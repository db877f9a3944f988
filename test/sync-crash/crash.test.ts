import { describe, expect, it } from 'vitest'
import { crash } from './support/crashing.ts'

/** Another seed is another life: `npm run crash` goes through many. */
const seed = 6

describe('daemons that are killed', () => {
  it('lose nothing, leave nothing half-done and agree again, over 50 kills', async () => {
    const trace: string[] = []
    const work = crash({ seed, kills: 50, tell: (line) => void trace.push(line) })
    const summary = await work.catch((error: unknown) => {
      throw new Error([String(error), ...trace.slice(-60)].join('\n'), { cause: error })
    })
    expect(summary.kills).toBeGreaterThanOrEqual(50)
    expect(summary.read).toBeGreaterThan(300)
    expect(summary.restored).toBeGreaterThan(0)
  })
})
