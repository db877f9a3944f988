import type { EngineClient } from '../engine/engine-client.ts'

/** What the routes need of an engine. */
export type EngineTarget = Pick<EngineClient, 'port' | 'request'>
