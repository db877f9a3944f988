/** The Caddy snippet of docs/reverse-proxy.md in front of the gateway. */
import { describeFront } from './front-suite.ts'
import { startCaddy } from './fronts.ts'

describeFront({ program: 'caddy', start: startCaddy, statusOfDrop: 502 })
