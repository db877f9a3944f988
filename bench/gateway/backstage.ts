/** What stands behind every target. */
export interface Backstage {
  readonly directory: string
  readonly fixedPort: number
  readonly streamPort: number
  readonly nextcloudPort: number
  readonly key: string
  readonly maxConnections: number
}
