import { expect, test } from 'vitest'
import { gatewayError } from '../errors.ts'
import { engineFailure, refusedByEngine } from './engine-problem.ts'

test.each([
  ['ENGINE_UNREACHABLE', 503, 'Could not connect to Docker Engine on port 24001'],
  ['ENGINE_TIMEOUT', 504, 'Timeout communicating with Docker Engine on port 24001'],
  ['ENGINE_BUSY', 503, 'Docker Engine on port 24001 is busy: too many calls wait for it'],
  ['ENGINE_BAD_ANSWER', 503, 'half a head'],
  ['ENGINE_ANSWER_TOO_LARGE', 503, 'half a head'],
] as const)('%s is %i', (code, status, body) => {
  expect(engineFailure(gatewayError(code, 'half a head'), 24_001)).toMatchObject({ status, body })
})

test('any other error is not the engine’s', () => {
  expect(engineFailure(new Error('bug'), 24_001)).toBeNull()
})

test('the engine’s own words follow what the contract says', () => {
  const reply = {
    status: 500,
    contentType: '',
    body: Buffer.alloc(0),
    json: () => undefined,
    message: 'no space left',
  }

  expect(refusedByEngine('Error starting container', reply).response).toMatchObject({
    status: 503,
    body: 'Error starting container: Status 500: no space left',
  })
  expect(refusedByEngine('Error starting container', { ...reply, message: '' }).response.body).toBe(
    'Error starting container: Status 500',
  )
})
