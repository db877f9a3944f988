import { printLine } from '../output.ts'
import { peerListLines } from '../peers-text.ts'
import type { OutputOptions } from '../report-error.ts'
import { connectToDaemon } from '../running-daemon.ts'

/** `harp peers` */
export async function showPeers({ json }: OutputOptions): Promise<void> {
  const peers = await connectToDaemon().call('peers')
  if (json === true) printLine(JSON.stringify(peers))
  else for (const line of peerListLines(peers, Date.now())) printLine(line)
}
