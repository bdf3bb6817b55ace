/**
 * Many seeds over several processes. Each runs one after the other, so a seed costs no start; which process
 * runs which seed changes nothing about the run.
 */
import { type ChildProcess, fork } from 'node:child_process'
import type { Result, Task } from './seed.ts'

/** What is wanted of a pool. */
export interface PoolOptions {
  /** Processes at the same time. */
  readonly jobs: number
  /** No seed begins after so long; those that run are waited for. ms */
  readonly withinMs?: number
  /** A seed that takes longer counts as failed, and its process is ended; ms. */
  readonly seedMs?: number
}

/** The longest seed takes a minute or two on a slow machine, ms. */
const SEED_MS = 900_000
const WORKER = new URL('./worker.ts', import.meta.url)

/** Runs all tasks, or as many as time allows; tells each result as it comes. */
export async function runPool(tasks: Iterable<Task>, options: PoolOptions, onResult: (result: Result) => void): Promise<void> {
  const queue = tasks[Symbol.iterator]()
  const untilMs = performance.now() + (options.withinMs ?? Number.POSITIVE_INFINITY)
  const next = (): Task | undefined => {
    if (performance.now() >= untilMs) return undefined
    const { value, done } = queue.next()
    return done === true ? undefined : value
  }
  await Promise.all(
    Array.from({ length: options.jobs }, async () => {
      let worker: ChildProcess | undefined
      for (let task = next(); task !== undefined; task = next()) {
        worker ??= fork(WORKER)
        const answer = await ask(worker, task, options.seedMs ?? SEED_MS)
        if ('result' in answer) onResult(answer.result)
        else {
          onResult(failedResult(task, answer.error))
          worker.kill('SIGKILL')
          worker = undefined
        }
      }
      worker?.disconnect()
    }),
  )
}

function ask(worker: ChildProcess, task: Task, seedMs: number): Promise<{ result: Result } | { error: string }> {
  return new Promise((resolve) => {
    const end = (answer: { result: Result } | { error: string }): void => {
      clearTimeout(timer)
      worker.off('message', onMessage).off('exit', onExit)
      resolve(answer)
    }
    const onMessage = (message: unknown): void => end(message as { result: Result } | { error: string })
    const onExit = (code: number | null, signal: string | null): void => end({ error: `the process ended with ${code ?? signal}` })
    const timer = setTimeout(() => end({ error: `the seed takes longer than ${seedMs / 1_000} s` }), seedMs)
    worker.on('message', onMessage).on('exit', onExit)
    worker.send(task)
  })
}

function failedResult(task: Task, what: string): Result {
  return {
    task,
    scenario: task.file,
    failed: [{ check: 'simulator', count: 1, what }],
    nodeHours: 0,
    cpuMs: 0,
    acknowledged: 0,
    shown: 0,
    delivered: 0,
    hash: '',
  }
}
