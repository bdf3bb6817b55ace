export { type FakeClock, fakeClock, settle } from './fake-clock.ts'
export { linkPair } from './link-pair.ts'
export { seededRandom } from './seeded-random.ts'
