import { cryptoContract } from '../testing/crypto-contract.ts'
import { portableCrypto } from './portable.ts'

cryptoContract('portable JavaScript', portableCrypto)
