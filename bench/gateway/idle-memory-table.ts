import { formatTable } from '../report/tables.ts'
import type { MemorySample } from './idle-memory.ts'

export function formatIdleMemory(memory: ReadonlyMap<string, MemorySample>): string[] {
  if (memory.size === 0) return []
  const rows = [['', 'sockets', 'KiB/socket', 'after one echo each', 'MiB before', 'MiB after']]
  for (const [name, sample] of memory) {
    const each = (kib: number): string => ((kib - sample.kibBefore) / sample.sockets).toFixed(1)
    rows.push([
      name,
      String(sample.sockets),
      each(sample.kibAfter),
      each(sample.kibAfterEcho),
      (sample.kibBefore / 1_024).toFixed(1),
      (sample.kibAfter / 1_024).toFixed(1),
    ])
  }
  return [
    `Memory of idle WebSockets, fresh process (proportional set size, without the kernel's socket memory)  [websocket-idle]\n${formatTable(rows)}`,
  ]
}
