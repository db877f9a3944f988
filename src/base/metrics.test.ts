import { expect, test } from 'vitest'
import { Metrics } from './metrics.ts'

test('counters, gauges and histograms render in the Prometheus format', async () => {
  const metrics = new Metrics({ processMetrics: false })
  const ok = metrics.counter('harp_x_total', 'Things.', { kind: 'a' })
  metrics.counter('harp_x_total', 'Things.', { kind: 'b' }).add(2)
  metrics.gauge('harp_y', 'Level.', () => 7)
  const histogram = metrics.histogram('harp_z_seconds', 'Time.', [0.1, 1])
  ok.add(1)
  for (const value of [0.05, 0.1, 0.5, 3]) histogram.observe(value)

  const { body, contentType } = await metrics.render()

  expect(contentType).toContain('text/plain')
  expect(body.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
    'harp_x_total{kind="a"} 1',
    'harp_x_total{kind="b"} 2',
    'harp_y 7',
    'harp_z_seconds_bucket{le="0.1"} 2',
    'harp_z_seconds_bucket{le="1"} 3',
    'harp_z_seconds_bucket{le="+Inf"} 4',
    'harp_z_seconds_sum 3.65',
    'harp_z_seconds_count 4',
  ])
  expect(body).toContain('# TYPE harp_x_total counter')
  expect(body).toContain('# TYPE harp_z_seconds histogram')
})

test('a family that is read when scraped has as many series as there are then', async () => {
  const metrics = new Metrics({ processMetrics: false })
  let folders = [{ value: 1, labels: { folder: 'a"\n' } }]
  metrics.readings('harp_f', 'Folders.', 'gauge', () => folders)
  metrics.readings('harp_n_total', 'All.', 'counter', () => [{ value: 3 }])
  const lines = async () =>
    (await metrics.render()).body.split('\n').filter((line) => line.startsWith('harp'))

  expect(await lines()).toEqual(['harp_f{folder="a\\"\\n"} 1', 'harp_n_total 3'])
  folders = []
  expect(await lines()).toEqual(['harp_n_total 3'])
})
