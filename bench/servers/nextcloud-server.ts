/**
 * A stand-in Nextcloud in a process of its own: the two questions that a gateway asks. Arguments: port, shared
 * key, and `APP=PORT` for each app. Ends with the process that started it.
 */
import { createServer } from 'node:http'

const [port = '0', key = '', ...apps] = process.argv.slice(2)

const routes = [
  { url: '^/public/.*', access_level: 0, bruteforce_protection: [] },
  { url: '^/protected/.*', access_level: 0, bruteforce_protection: [401, 500] },
  { url: '^/user/.*', access_level: 1, bruteforce_protection: [] },
  { url: '^/admin/.*', access_level: 2, bruteforce_protection: [] },
]
const record = { exapp_token: 'token', exapp_version: '1.0.0', host: '127.0.0.1', routes }
const answers = new Map<string, unknown>()
for (const each of apps) {
  const [app = '', appPort] = each.split('=')
  const path = '/index.php/apps/app_api/harp'
  answers.set(`${path}/exapp-meta?appId=${app}`, { ...record, port: Number(appPort) })
  answers.set(`${path}/user-info?appId=${app}`, { user_id: 'alice', access_level: 1 })
}

const server = createServer((request, response) => {
  const answer = answers.get(request.url ?? '')
  const isAllowed = request.headers['harp-shared-key'] === key
  response.statusCode = isAllowed ? (answer === undefined ? 404 : 200) : 401
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(isAllowed ? (answer ?? {}) : { message: 'Harp shared key is not valid' }))
})
server.listen(Number(port), '127.0.0.1')
process.on('disconnect', () => process.exit())
