import { createInterface } from 'node:readline/promises'

const patienceMs = 10 * 60_000

/** Asks in the terminal; no answer in time is a no. Undefined where standard input is no terminal. */
export function yesOrNo(): ((question: string) => Promise<boolean>) | undefined {
  const { stdin, stderr } = process
  if (!stdin.isTTY) return undefined
  return async (question) => {
    const lines = createInterface({ input: stdin, output: stderr })
    try {
      const answer = await lines.question(`${question} [y/N] `, { signal: AbortSignal.timeout(patienceMs) })
      return /^y(?:es)?$/i.test(answer.trim())
    } catch {
      return false
    } finally {
      lines.close()
    }
  }
}
