/**
 * The gateway's end of the plain pipe: TCP in, a TLS connection out for each. Sent a number, it opens connections
 * until so many wait, and answers. Arguments: port, port of the other end, directory of the certificates. Ends with
 * the process that started it.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { connect, createSecureContext, type TLSSocket } from 'node:tls'
import { pipeBoth } from './pipe.ts'

const [port = '0', tlsPort = '0', certificates = ''] = process.argv.slice(2)
const read = (name: string): Buffer => readFileSync(join(certificates, name))
const secureContext = createSecureContext({
  ca: read('ca.crt'),
  cert: read('client.crt'),
  key: read('client.key'),
})
const waiting = new Set<TLSSocket>()

function open(): TLSSocket {
  const secured = connect({ port: Number(tlsPort), host: '127.0.0.1', servername: 'harp.nc', secureContext })
  secured.setNoDelay(true)
  secured.on('error', () => {})
  return secured
}

async function fill(count: number): Promise<void> {
  while (waiting.size < count) {
    const secured = open()
    await once(secured, 'secureConnect')
    waiting.add(secured)
    secured.once('close', () => waiting.delete(secured))
  }
}

createServer({ noDelay: true }, (client) => {
  const [secured = open()] = waiting
  waiting.delete(secured)
  pipeBoth(client, secured)
}).listen({ port: Number(port), host: '127.0.0.1', backlog: 4_096 })

process.on('message', (count: number) => {
  void fill(count).then(() => process.send?.('filled'))
})
process.on('disconnect', () => process.exit())
