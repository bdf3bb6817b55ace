import { memoryLevel } from '../testing/memory-store.ts'
import { storeContract } from '../testing/store-contract.ts'

storeContract('memory-level', async () => memoryLevel())
