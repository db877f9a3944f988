import { beforeEach, expect, test } from 'vitest'
import { HarpError } from '../../base/errors.ts'
import { silentLogger } from '../../base/logger.ts'
import { FolderFault } from './folder-fault.ts'

let told: number
let fault: FolderFault

beforeEach(() => {
  told = 0
  fault = new FolderFault(silentLogger, () => told++)
})

test('as long as nothing fails everything is run', () => {
  let runs = 0
  fault.guard(() => runs++)
  fault.guard(() => runs++)
  expect([runs, told, fault.problem, fault.isDamage]).toEqual([2, 0, undefined, false])
})

test('after a failure nothing is run, and only the first one is named', () => {
  let runs = 0
  fault.guard(() => {
    throw new Error('the disk is gone')
  })
  fault.guard(() => runs++)
  fault.note(new Error('and so on'))
  expect([runs, told]).toEqual([0, 1])
  expect(fault.problem).toMatchObject({ code: 'FOLDER_FAULT', path: '', message: 'the disk is gone' })
  expect(fault.problem?.fix).toContain('start harp again')
})

test('an error of ours keeps its code and its fix; damage is told apart', () => {
  fault.note(new HarpError('SYNC_STORE_CORRUPT', 'log.sqlite is damaged', { fix: 'look at the disk' }))
  expect(fault.problem).toMatchObject({ code: 'SYNC_STORE_CORRUPT', fix: 'look at the disk' })
  expect(fault.isDamage).toBe(true)
})
