import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Device } from '/work/main/test/sync-e2e/support/device.ts'
const place = mkdtempSync(join(tmpdir(), 'harp-hand-'))
const show = (what: string, a: { code: number | null; stdout: string; stderr: string }): void => {
  console.log(`\n$ ${what}   [exit ${a.code}]`)
  if (a.stdout) console.log(a.stdout.trimEnd())
  if (a.stderr) console.log('stderr: ' + a.stderr.trimEnd())
}
const ann = await Device.start({ name: 'ann', place, flags: ['--admin', '127.0.0.1:19191'] })
const bob = await Device.start({ name: 'bob', place })
const carl = await Device.start({ name: 'carl', place })
const run = async (d: Device, ...args: string[]) => { const a = await d.cli(...args); show(`${d.name}: harp ${args.join(' ')}`, a); return a }
try {
  mkdirSync(join(ann.place, 'docs')); writeFileSync(join(ann.place, 'docs', 'a.txt'), 'hello')
  await run(ann, 'folder', 'add', join(ann.place, 'docs'))
  for (const d of [bob, carl]) {
    const i = await ann.cli('invite', 'docs')
    if (d === bob) await run(bob, 'join', i.stdout.trim().split('\n').at(-1)!, join(bob.place, 'docs'), '--quota', '2G')
    await run(d, 'join', i.stdout.trim().split('\n').at(-1)!, join(d.place, 'docs'))
    await d.untilIdle('docs')
  }
  const { execFileSync } = await import('node:child_process')
  const env = { ...process.env, HARP_HOME: ann.home, HARP_DISCOVERY: 'off' }
  writeFileSync(join(place, 'env.json'), JSON.stringify({ home: ann.home }))
  execFileSync('python3', ['/tmp/pty.py', ann.home], { stdio: 'inherit' })
} finally {
  await Promise.all([ann, bob, carl].map((d) => d.dispose()))
  rmSync(place, { recursive: true, force: true })
}
