import { join } from 'node:path'
import type { NodeSpace } from './lab.ts'
import type { Running } from './running.ts'

/** The first line of `qpq up --json` (DESIGN §12). */
export interface QpqReady {
  readonly event: 'ready'
  readonly person: string
  readonly device: string
  readonly name: string
  readonly data: string
  readonly listen: readonly string[]
}

/** How to start a node. */
export interface QpqStartOptions {
  /** Its data directory; kept when the node stops. */
  readonly data: string
  readonly name?: string
  /** More arguments of `qpq up`. */
  readonly args?: readonly string[]
  /** More of its environment. */
  readonly env?: NodeJS.ProcessEnv
  readonly timeoutMs?: number
}

const LAUNCHER = join(import.meta.dirname, '../../scripts/qpq')
/** Start to `ready` on a slow machine under load, in ms. */
const READY_TIMEOUT_MS = 30_000
/** One command, in ms. */
const COMMAND_TIMEOUT_MS = 20_000

/** A command failed; the exit code says how (DESIGN §12). */
class QpqFailed extends Error {
  override readonly name = 'QpqFailed'
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** Runs `qpq <args> --json --data <data>` in a node's namespace; returns the objects it printed. Throws when the exit code is not 0. */
async function qpq(space: NodeSpace, data: string, args: readonly string[], timeoutMs = COMMAND_TIMEOUT_MS): Promise<Array<Record<string, unknown>>> {
  const { code, stdout, stderr } = await space.exec(['sh', LAUNCHER, ...args, '--json', '--data', data], { timeoutMs })
  if (code !== 0) throw new QpqFailed(code, `qpq ${args.join(' ')} on ${space.name} ended with ${code}: ${stderr.trim() || stdout.trim()}`)
  return stdout
    .split('\n')
    .map(objectIn)
    .filter((object) => object !== undefined)
}

/** A running node with its lines. */
export class QpqNode {
  readonly space: NodeSpace
  readonly process: Running
  readonly ready: QpqReady
  /** When the `ready` line came, in ms of `performance.now`. */
  readonly readyAtMs: number

  private constructor(space: NodeSpace, process: Running, ready: QpqReady) {
    this.space = space
    this.process = process
    this.ready = ready
    this.readyAtMs = performance.now()
  }

  /** Starts `qpq up` and waits for its `ready` line. */
  static async start(space: NodeSpace, options: QpqStartOptions): Promise<QpqNode> {
    const named = options.name === undefined ? [] : ['--name', options.name]
    const running = space.start(['sh', LAUNCHER, 'up', '--json', '--data', options.data, ...named, ...(options.args ?? [])], {
      env: { ...process.env, ...options.env },
    })
    const pick = (line: string): QpqReady | undefined => {
      const object = objectIn(line)
      return object !== undefined && isReady(object) ? object : undefined
    }
    const ready = await running.waitFor(`ready of ${space.name}`, pick, { timeoutMs: options.timeoutMs ?? READY_TIMEOUT_MS })
    return new QpqNode(space, running, ready)
  }

  /** Runs a command against this node. */
  run(...args: string[]): Promise<Array<Record<string, unknown>>> {
    return qpq(this.space, this.ready.data, args)
  }

  /** The first JSON line for which `accept` is true. */
  waitFor(what: string, accept: (event: Record<string, unknown>) => boolean, timeoutMs: number, from = 0): Promise<Record<string, unknown>> {
    const pick = (line: string): Record<string, unknown> | undefined => {
      const object = objectIn(line)
      return object !== undefined && accept(object) ? object : undefined
    }
    return this.process.waitFor(`${what} on ${this.space.name}`, pick, { timeoutMs, from })
  }

  /** Ends it in order. */
  stop(): Promise<number | string> {
    return this.process.stop()
  }

  /** Pulls the plug: SIGKILL, no chance to tidy up. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.process.ended
  }
}

function objectIn(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return undefined // a line that a killed process did not finish
  }
}

function isReady(object: Record<string, unknown>): object is Record<string, unknown> & QpqReady {
  return object['event'] === 'ready'
}
