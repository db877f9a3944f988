/** The gateway zone's door: everything outside enters here. */
export { startGateway, type Gateway, type GatewayOptions } from './gateway.ts'
export { parseConfig } from './config/parse-config.ts'
export { describeConfig, formatProblems } from './config/describe-config.ts'
export { readEnvironment, type Environment } from './config/env.ts'
export { systemFiles } from './config/system-files.ts'
export type { GatewayConfig } from './config/config.ts'
