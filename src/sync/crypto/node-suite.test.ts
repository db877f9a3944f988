import { describeSuite } from '../../../test/sync/support/suite-compliance.ts'
import { nodeSuite } from './node-suite.ts'

describeSuite('node', nodeSuite)
