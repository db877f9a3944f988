import { readFileSync } from 'node:fs'
import { errorCode } from '../base/errors.ts'
import { shortestPassphrase } from '../sync/index.ts'
import { cliError, usageError } from './running-daemon.ts'

export interface PassphraseSource {
  /** Its first line is the passphrase. */
  readonly file: string | undefined
  readonly environment: string | undefined
  /** Undefined where nobody can be asked. */
  readonly ask: ((question: string) => Promise<string>) | undefined
}

/** For a new backup, asked for twice and of a length that is worth something; else as it is. */
export async function readPassphrase(source: PassphraseSource, use: 'new' | 'known'): Promise<string> {
  const passphrase = await givenPassphrase(source, use)
  if (use === 'new' && passphrase.length < shortestPassphrase) {
    throw usageError(`the passphrase has fewer than ${shortestPassphrase} characters`, 'choose a longer one')
  }
  return passphrase
}

async function givenPassphrase(source: PassphraseSource, use: 'new' | 'known'): Promise<string> {
  const { file, environment, ask } = source
  if (file !== undefined) return firstLine(file)
  if (environment !== undefined && environment !== '') return environment
  if (ask === undefined) {
    throw usageError('there is no passphrase, and no terminal to ask for it', 'give --passphrase-file FILE')
  }
  const passphrase = await ask('Passphrase: ')
  if (use === 'new' && (await ask('The same again: ')) !== passphrase) {
    throw usageError('the two passphrases differ', 'try again')
  }
  return passphrase
}

function firstLine(file: string): string {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/, 1)[0] ?? ''
  } catch (error) {
    throw cliError('SYNC_FILE', `${file} cannot be read: ${errorCode(error)}`, error)
  }
}

const patienceMs = 10 * 60_000
const longestLine = 4_096

/** Asks in the terminal without showing what is typed; undefined where standard input is none. */
export function terminalQuestions(): ((question: string) => Promise<string>) | undefined {
  const { stdin, stderr } = process
  if (!stdin.isTTY) return undefined
  return async (question) => {
    stderr.write(question)
    stdin.setRawMode(true)
    stdin.resume()
    try {
      return await readHidden(stdin)
    } finally {
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
    }
  }
}

async function readHidden(stdin: NodeJS.ReadStream): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const line: string[] = []
  const onData = (bytes: Buffer): void => {
    for (const character of bytes.toString('utf8')) {
      if (character === '\r' || character === '\n' || character === '\u0004') resolve(line.join(''))
      else if (character === '\u0003') reject(usageError('interrupted', 'try again'))
      else if (character === '\u007f' || character === '\b') line.pop()
      else if (line.length < longestLine) line.push(character)
    }
  }
  const timer = setTimeout(() => reject(usageError('nothing was typed', 'try again')), patienceMs)
  stdin.on('data', onData)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    stdin.removeListener('data', onData)
  }
}
