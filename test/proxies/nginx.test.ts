/** The nginx snippet of docs/reverse-proxy.md in front of the gateway. */
// oxlint-disable vitest/no-standalone-expect -- `test` comes from realPart: a vitest test with a skip rule
import { expect } from 'vitest'
import { request } from './front-checks.ts'
import { describeFront } from './front-suite.ts'
import { startNginx } from './fronts.ts'

describeFront({
  program: 'nginx',
  start: startNginx,
  statusOfDrop: 502,
  more(test, stage) {
    test("Nextcloud's rules for scripts and files do not take an app's files", async () => {
      const { endpoint } = await stage()

      const file = await request(endpoint, { target: '/exapps/foo/public/app.js' })
      const script = await request(endpoint, { target: '/exapps/foo/public/index.php/x' })
      const own = await request(endpoint, { target: '/core/app.js' })

      expect([file.status, script.status]).toEqual([200, 200])
      expect(own.body.toString()).toBe('nextcloud file')
    })
  },
})
