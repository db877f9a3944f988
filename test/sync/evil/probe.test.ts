import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { afterEach, test } from 'vitest'
import { rootNode } from '../../../src/sync/ids.ts'
import { EvilWorld } from '../support/evil-member.ts'
import { RealDaemon } from '../support/real-daemon.ts'
import { elapse } from '../../support/deadline.ts'
const world = new EvilWorld()
afterEach(() => world.end())
test('deep', async () => {
  const anna = await (await world.daemon(() => new RealDaemon('Anna'))).founds()
  anna.write('a.txt', 'x')
  const m = await world.member(anna)
  await m.sees(['a.txt'])
  const ops: any[] = []
  const N = Number(process.env.N)
  for (let l = 0; l < N; l++) ops.push({ type: 'mkdir', node: m.node(), parent: rootNode, name: `w${l}` })
  const t0 = performance.now()
  m.writes(...ops)
  console.log('written', performance.now() - t0)
  const s = new Session(); s.connect(); await s.post('Profiler.enable'); await s.post('Profiler.start')
  m.writes(m.put('marker', m.file(Buffer.from('marker'))))
  for (let i = 0; i < 300; i++) { await elapse(200); if (anna.read('marker')) break }
  console.log('done', performance.now() - t0, anna.status().state, anna.status().errors, anna.tree().length)
  writeFileSync('/tmp/evil-deep.cpuprofile', JSON.stringify((await s.post('Profiler.stop')).profile))
}, 100000)
