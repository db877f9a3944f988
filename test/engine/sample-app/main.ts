/** The demo's ExApp as the program of a container: on the tunnel's socket, or on its port where there is no tunnel. */
import { rmSync } from 'node:fs'
import { systemClock } from '../../../src/base/clock.ts'
import { createLogger } from '../../../src/base/logger.ts'
import { Secret } from '../../../src/base/secret.ts'
import { listenOnLoopback, listenOnPath } from '../../../src/demo/loopback-server.ts'
import { startSampleExApp } from '../../../src/demo/sample-exapp.ts'

const socketPath = '/tmp/exapp.sock'
const { APP_SECRET: secret = '', APP_PORT: port = '', HP_SHARED_KEY: key = '' } = process.env
// Left there by a container that was stopped.
rmSync(socketPath, { force: true })
const app = await startSampleExApp({
  listen: (server) =>
    key === '' ? listenOnLoopback(server, [Number(port)]) : listenOnPath(server, socketPath),
  secret: new Secret(secret),
  clock: systemClock,
  log: createLogger('info'),
})
console.log('the sample app is up')
process.once('SIGTERM', () => void app.stop().then(() => process.exit(0)))
