/**
 * Loaded into a node before its own code (`node --import`): SIGUSR2 collects its garbage.
 *
 * V8 collects when it likes, on a quiet node minutes later, so its size alone says little about what it keeps.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
process.on('SIGUSR2', () => collect())
