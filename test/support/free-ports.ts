/**
 * Ports for processes that must be told their port before they start. Picked below the range from which the
 * system takes source ports, so that nothing else gets one between picking and binding, and outside the
 * tunnel ports of the contract.
 */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

const firstPort = 10_000
const lastPort = 22_000
const taken = new Set<number>()

export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  for (let attempt = 0; ports.length < count; attempt += 1) {
    if (attempt > 500) throw new Error('no free port found')
    const port = randomInt(firstPort, lastPort)
    if (taken.has(port) || !(await canBind(port))) continue
    taken.add(port)
    ports.push(port)
  }
  return ports
}

async function canBind(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => {
      server.close(() => resolve(true))
    })
  })
}
