import { errorCode, errorMessage } from '../../base/errors.ts'
import { pickEnvironment } from '../config/env.ts'
import { systemFiles } from '../config/system-files.ts'
import type { FileProblem } from './file-problem.ts'
import { neededVariables, parseFrpcConfig, type FrpcFileReading } from './frpc-config.ts'
import { readTlsMaterial } from './tls-files.ts'
import type { TunnelClientConfig } from './tunnel-config.ts'

/** Reads frpc's file and looks at the TLS files that it names. All problems at once; never throws. */
export function readFrpcFile(path: string): FrpcFileReading {
  const source = readSource(path)
  if (typeof source !== 'string') return source
  const reading = parseFrpcConfig(source, pickEnvironment(neededVariables(source)))
  return { config: reading.config, problems: [...reading.problems, ...checkTlsFiles(reading.config)] }
}

/** A warning only: the files may be put there later, and each connection reads them anew. */
function checkTlsFiles(config: TunnelClientConfig | null): FileProblem[] {
  if (config === null || config.transport.tls === null) return []
  try {
    readTlsMaterial(config.transport.tls)
    return []
  } catch (error) {
    const fix = 'put them there; every attempt to connect reads them anew'
    return [
      { severity: 'warning', key: 'transport.tls', message: `cannot be used: ${errorMessage(error)}`, fix },
    ]
  }
}

function readSource(path: string): string | FrpcFileReading {
  try {
    const text = systemFiles.readFile(path)
    return text ?? unreadable(path, 'ENOENT')
  } catch (error) {
    return unreadable(path, errorCode(error))
  }
}

function unreadable(path: string, code: string): FrpcFileReading {
  const fix = 'name an existing file of at most 64 KiB that this user may read'
  return {
    config: null,
    problems: [{ severity: 'fatal', key: path, message: `cannot be read (${code})`, fix }],
  }
}
