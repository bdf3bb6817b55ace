/** `npm run sim`; see `command.ts`. */
import { simulate } from './command.ts'

// Links end all the time, and each end is an error that nobody looks at: taking down where they came from is a tenth of a run.
Error.stackTraceLimit = 0
process.exitCode = await simulate(process.argv.slice(2), { out: (line) => console.log(line), err: (line) => console.error(line) })
