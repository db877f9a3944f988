import { errorCode } from '../../base/errors.ts'
import { writeDurably } from '../../sync/index.ts'
import { printLine, printRaw, terminalSize } from '../output.ts'
import { absolutePath } from '../place-on-disk.ts'
import type { OutputOptions } from '../report-error.ts'
import { cliError, connectToDaemon, shownDevice } from '../running-daemon.ts'

export interface ProofOptions extends OutputOptions {
  readonly path: string
  readonly reveal?: boolean | undefined
  readonly output?: string | undefined
}

/** `harp proof PATH [--reveal] [-o FILE]` */
export async function makeProof({ path, reveal, output, json }: ProofOptions): Promise<void> {
  const made = await connectToDaemon().call('proof', { path: absolutePath(path), reveal })
  const bytes = Buffer.from(made.proof, 'base64')
  const issuer = shownDevice(made.issuer)
  if (output !== undefined) write(output, bytes)
  if (json === true) {
    const where = output === undefined ? { proof: made.proof } : { file: output }
    printLine(JSON.stringify({ folder: made.folder, issuer, bytes: bytes.length, ...where }))
    return
  }
  if (output === undefined) {
    printRaw(terminalSize() === undefined ? bytes : `${made.proof}\n`)
    return
  }
  printLine(`${output}: ${bytes.length} bytes, signed by ${issuer}, about folder ${made.folder}`)
}

function write(file: string, bytes: Uint8Array): void {
  try {
    writeDurably(file, bytes)
  } catch (error) {
    throw cliError('SYNC_FILE', `${file} cannot be written: ${errorCode(error)}`, error)
  }
}
