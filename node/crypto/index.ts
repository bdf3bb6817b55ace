export { fastestCrypto } from './fastest.ts'
export { nodeCrypto } from './node-crypto.ts'
export { sodiumCrypto } from './sodium-crypto.ts'
export { systemClock, systemRandom } from './system.ts'
