import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** How to start a process. */
export interface RunningOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
}

/** Lines kept of each stream; later ones are dropped, so that line numbers stay. */
const MAX_LINES = 50_000
/** Lines shown when something did not happen. */
const TAIL_LINES = 15
/** Time between SIGTERM and SIGKILL in `stop`, in ms. */
const STOP_GRACE_MS = 10_000

/** A process with its lines, in a process group of its own, so that it can be ended with whatever it started. */
export class Running {
  readonly command: readonly string[]
  /** Lines of standard output so far. */
  readonly lines: string[] = []
  /** Lines of standard error so far. */
  readonly errors: string[] = []
  /** Resolves with the exit code, or the name of the signal, once the process is gone. */
  readonly ended: Promise<number | string>
  readonly #child: ChildProcess
  readonly #waiting = new Set<() => void>()
  #end: number | string | undefined

  constructor(command: readonly string[], options: RunningOptions = {}) {
    const [file = '', ...args] = command
    this.command = command
    this.#child = spawn(file, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: options.env ?? process.env, cwd: options.cwd })
    this.#collect(this.#child.stdout, this.lines)
    this.#collect(this.#child.stderr, this.errors)
    this.ended = new Promise((resolve) => {
      const end = (how: number | string): void => {
        this.#end ??= how
        this.#changed()
        resolve(this.#end)
      }
      this.#child.once('error', (error) => end(error.message))
      this.#child.once('close', (code, signal) => end(code ?? signal ?? 'unknown'))
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get isRunning(): boolean {
    return this.#end === undefined
  }

  /** The first line for which `pick` gives something, among those printed after line number `from`. */
  async waitFor<T>(what: string, pick: (line: string) => T | undefined, options: { timeoutMs: number; from?: number }): Promise<T> {
    const deadline = performance.now() + options.timeoutMs
    let next = options.from ?? 0
    for (;;) {
      for (; next < this.lines.length; next++) {
        const picked = pick(this.lines[next] ?? '')
        if (picked !== undefined) return picked
      }
      const leftMs = deadline - performance.now()
      if (!this.isRunning) throw new Error(`${what}: the process ended (${this.#end}) first\n${this.tail()}`)
      if (leftMs <= 0) throw new Error(`${what}: not seen within ${options.timeoutMs} ms\n${this.tail()}`)
      await this.#change(leftMs)
    }
  }

  /** Sends a signal to the process and what it started. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    if (this.pid === undefined || !this.isRunning) return
    try {
      process.kill(-this.pid, signal)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }

  /** Asks the process to end, insists after a while, and waits until it is gone. */
  async stop(): Promise<number | string> {
    this.kill('SIGTERM')
    const timer = setTimeout(() => this.kill('SIGKILL'), STOP_GRACE_MS)
    try {
      return await this.ended
    } finally {
      clearTimeout(timer)
    }
  }

  /** The last lines, for an error message. */
  tail(): string {
    const last = [...this.lines.slice(-TAIL_LINES).map((line) => `  out ${line}`), ...this.errors.slice(-TAIL_LINES).map((line) => `  err ${line}`)]
    return [`  $ ${this.command.join(' ')}`, ...last].join('\n')
  }

  #collect(stream: NodeJS.ReadableStream | null, into: string[]): void {
    if (stream === null) return
    createInterface({ input: stream }).on('line', (line) => {
      if (into.length < MAX_LINES) into.push(line)
      this.#changed()
    })
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, timeoutMs)
      this.#waiting.add(done)
    })
  }

  #changed(): void {
    for (const wake of this.#waiting) wake()
  }
}
