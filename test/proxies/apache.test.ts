/** The Apache snippet of docs/reverse-proxy.md in front of the gateway. */
// oxlint-disable vitest/no-standalone-expect -- `test` comes from realPart: a vitest test with a skip rule
import { expect } from 'vitest'
import { request, stallingUpload } from './front-checks.ts'
import { describeFront } from './front-suite.ts'
import { longSilenceMs, shortSilenceMs, startApache } from './fronts.ts'

describeFront({
  program: 'apache2',
  start: startApache,
  statusOfDrop: 502,
  more(test, stage) {
    test("an upload and an app may be silent for longer than the server's own limits", async () => {
      const { endpoint } = await stage()

      const upload = stallingUpload(endpoint, '/exapps/foo/public/stall', shortSilenceMs)
      const slow = request(endpoint, { target: `/exapps/foo/public?do=slow&ms=${longSilenceMs}` })

      expect((await upload).status).toBe(200)
      expect((await slow).status).toBe(200)
    })
  },
})
