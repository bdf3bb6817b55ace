/** Other programs that a bench starts: bounded, in a namespace, ended with the lab. */
import { join } from 'node:path'
import type { NodeSpace, Running } from '../netns/index.ts'

/** Where the launcher of nodes keeps compiled code. */
const LAUNCHER_CACHE = join(import.meta.dirname, '../../node_modules/.cache/compile')
const BARE_MS = 30_000

/** Starts a TypeScript file of this folder, with its code from the same cache as that of a node. */
export function startProgram(space: NodeSpace, file: string, args: readonly (string | number)[]): Running {
  const env = { ...process.env, NODE_COMPILE_CACHE: LAUNCHER_CACHE }
  return space.start([process.execPath, '--no-warnings', '--expose-gc', join(import.meta.dirname, file), ...args.map(String)], { env })
}

/** The next JSON object of a program that has `key`. */
export function said(program: Running, key: string, timeoutMs: number, from = 0): Promise<Record<string, number>> {
  const pick = (line: string): Record<string, number> | undefined => {
    const object: unknown = line.startsWith('{') && line.endsWith('}') ? JSON.parse(line) : undefined
    return typeof object === 'object' && object !== null && key in object ? (object as Record<string, number>) : undefined
  }
  return program.waitFor(key, pick, { timeoutMs, from })
}

/** Waits until a program has ended by itself, kills it when that takes too long. @throws Error then */
export async function ended(program: Running, timeoutMs: number): Promise<number | string> {
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    program.kill('SIGKILL')
  }, timeoutMs)
  try {
    const how = await program.ended
    if (isLate) throw new Error(`it took more than ${timeoutMs} ms\n${program.tail()}`)
    return how
  } finally {
    clearTimeout(timer)
  }
}

/** Node that has nothing to do, until it is gone. */
export async function bareNodeMs(space: NodeSpace): Promise<number> {
  const began = performance.now()
  await ended(space.start([process.execPath, '-e', '']), BARE_MS)
  return performance.now() - began
}

/** A note for people who read along: what was left out, and why. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}
