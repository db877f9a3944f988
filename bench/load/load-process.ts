/** The load generator: a process that does one LoadCommand at a time. Ends with the process that started it. */
import { transfer } from './bulk-transfer.ts'
import type { LoadCommand, LoadReply, LoadRequest, LoadResult } from './load-command.ts'
import { WebSocketLoad } from './websocket-load.ts'

const websockets = new WebSocketLoad()

async function obey(command: LoadCommand): Promise<LoadResult> {
  switch (command.kind) {
    case 'open':
      return websockets.open(command, command.connections)
    case 'echo':
      return websockets.echo(command.ms)
    case 'close':
      return websockets.close()
    case 'establish':
      return websockets.establish(command, command.inFlight, command.ms)
    case 'download':
    case 'upload':
      return transfer({ ...command, kind: command.kind })
  }
}

async function answer({ id, command }: LoadRequest): Promise<void> {
  let result: LoadReply['result']
  try {
    result = await obey(command)
  } catch (error) {
    result = { error: String(error) }
  }
  process.send?.({ id, result } satisfies LoadReply)
}

process.on('message', (request: LoadRequest) => void answer(request))
process.on('disconnect', () => process.exit())
