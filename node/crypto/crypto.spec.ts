import { cryptoContract } from '../../mesh/testing/crypto-contract.ts'
import { nodeCrypto, sodiumCrypto } from './index.ts'

cryptoContract('node:crypto', nodeCrypto)
cryptoContract('sodium-native', sodiumCrypto)
