import { expect, test } from 'vitest'
import { trustStoreOf } from './os-release.ts'

test.each([
  ['ID=alpine', 'usr/local/share/ca-certificates'],
  ['NAME="Debian GNU/Linux"', 'usr/local/share/ca-certificates'],
  ['ID=linuxmint\nID_LIKE="ubuntu debian"', 'usr/local/share/ca-certificates'],
  ['ID="almalinux"', 'etc/pki/ca-trust/source/anchors'],
  ['ID=rocky\nID_LIKE="rhel centos fedora"', 'etc/pki/ca-trust/source/anchors'],
])('%j keeps its anchors in %s', (osRelease, anchors) => {
  expect(trustStoreOf(osRelease)?.anchors).toBe(anchors)
})

test.each(['', 'ID=nixos', 'ID=arch'])('%j is not known', (osRelease) => {
  expect(trustStoreOf(osRelease)).toBeNull()
})
