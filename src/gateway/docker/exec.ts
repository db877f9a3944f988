import { z } from 'zod'
import { refusedByEngine } from './engine-problem.ts'
import type { EngineTarget } from './engine-target.ts'

const timeoutMs = 120_000
const maxOutputBytes = 1_048_576
const created = z.object({ Id: z.string().regex(/^[a-zA-Z0-9]{1,128}$/) })
const finished = z.object({ ExitCode: z.number().int() })

/** Runs a command in a running container as root. -1: how it ended is not known. */
export async function execute(
  engine: EngineTarget,
  container: string,
  command: readonly string[],
): Promise<number> {
  const refused = `Error running ${command[0] ?? ''} in '${container}'`
  const reply = await engine.request({
    method: 'POST',
    path: `/containers/${container}/exec`,
    json: { AttachStdout: true, AttachStderr: true, Cmd: command, User: '0' },
    timeoutMs,
  })
  const id = created.safeParse(reply.json()).data?.Id
  if (reply.status !== 201 || id === undefined) throw refusedByEngine(refused, reply)
  const output = await engine.request({
    method: 'POST',
    path: `/exec/${id}/start`,
    json: { Detach: false, Tty: false },
    timeoutMs,
    maxBytes: maxOutputBytes,
  })
  if (output.status !== 200) throw refusedByEngine(refused, output)
  const inspected = await engine.request({ method: 'GET', path: `/exec/${id}/json`, timeoutMs })
  return finished.safeParse(inspected.json()).data?.ExitCode ?? -1
}
