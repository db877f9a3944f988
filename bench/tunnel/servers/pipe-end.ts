/**
 * The app's end of the plain pipe: TLS in, with a certificate of the same authority, a Unix socket out for each.
 * Arguments: port, directory of the certificates, path of the app's socket. Ends with the process that started it.
 */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { pipeBoth } from './pipe.ts'

const [port = '0', certificates = '', appSocket = ''] = process.argv.slice(2)
const read = (name: string): Buffer => readFileSync(join(certificates, name))

createServer(
  {
    ca: read('ca.crt'),
    cert: read('server.crt'),
    key: read('server.key'),
    requestCert: true,
    rejectUnauthorized: true,
    noDelay: true,
  },
  (secured) => pipeBoth(secured, connect({ path: appSocket })),
).listen({ port: Number(port), host: '127.0.0.1', backlog: 4_096 })
process.on('disconnect', () => process.exit())
