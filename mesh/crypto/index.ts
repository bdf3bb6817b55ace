export { hkdfSha256, sha256 } from './hash.ts'
export { portableCrypto } from './portable.ts'
export { openBox, SEALED_BOX_OVERHEAD, sealBox } from './sealed-box.ts'
export { isStrict } from './strict.ts'
