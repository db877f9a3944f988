#!/usr/bin/env node
var version = process.versions.node.split('.').map(Number)
if (version[0] < 24 || (version[0] === 24 && version[1] < 12)) {
  console.error(
    'harp needs Node.js 24.12 or newer, this is ' +
      process.version +
      ': install Node.js 24 LTS, or run it as "npx harp" inside the project',
  )
  process.exit(1)
}
import('../dist/cli/main.js')
  .then(function (cli) {
    return cli.main(process.argv)
  })
  .then(function () {
    process.exit()
  })
  .catch(function (error) {
    console.error(
      error && error.code === 'ERR_MODULE_NOT_FOUND'
        ? 'harp is not built yet: run "npm run build" first (' + error.message + ')'
        : error,
    )
    process.exit(1)
  })
