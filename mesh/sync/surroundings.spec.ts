import assert from 'node:assert/strict'
import { fakeClock } from '#mesh/testing'
import { Surroundings } from './surroundings.ts'

describe('Surroundings', () => {
  it('count links and encounters once a second, whoever asks', async () => {
    const clock = fakeClock()
    let [asked, known, recent] = [0, 5, 2]
    const knownDevices = (): number => {
      asked++
      return known
    }
    const encounters = { recent: () => recent, met() {}, parted() {}, tick() {}, utilityFor: () => 0 }
    const surroundings = new Surroundings({ knownDevices, encounters, clock })
    for (let i = 0; i < 1_000; i++) assert.equal(surroundings.devices, 5)
    ;[known, recent] = [6, 8]
    assert.equal(surroundings.devices, 5)
    assert.equal(asked, 1)
    await clock.advance(1_000)
    assert.equal(surroundings.devices, 9)
  })
})
