/** A process that runs seeds for `pool.ts`: one message with a task, one with its result. */
import { runSeed, type Task } from './seed.ts'

Error.stackTraceLimit = 0 // see main.ts

process.on('message', (task: Task) => {
  runSeed(task).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})
process.on('disconnect', () => process.exit())
