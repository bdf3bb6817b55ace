import { execFile, execFileSync } from 'node:child_process'

/** What a finished command left. */
export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** How long a command of the set-up may take, in ms. */
const COMMAND_TIMEOUT_MS = 20_000
/** What it may print, in bytes. */
const MAX_OUTPUT_BYTES = 64 << 20

/** Runs a command to its end, whatever its exit code. 124 means that it was stopped because it took too long. */
export function finish(command: readonly string[], options: { timeoutMs?: number; env?: NodeJS.ProcessEnv; cwd?: string } = {}): Promise<Finished> {
  const [file = '', ...args] = command
  return new Promise((resolve) => {
    execFile(
      file,
      args,
      {
        timeout: options.timeoutMs ?? COMMAND_TIMEOUT_MS,
        maxBuffer: MAX_OUTPUT_BYTES,
        env: options.env ?? process.env,
        cwd: options.cwd,
        killSignal: 'SIGKILL',
      },
      (error, stdout, stderr) => {
        if (error === null) resolve({ code: 0, stdout, stderr })
        else if (error.killed === true) resolve({ code: 124, stdout, stderr })
        else resolve({ code: typeof error.code === 'number' ? error.code : 127, stdout, stderr: stderr || error.message })
      },
    )
  })
}

/** Runs a command that has to succeed; returns what it printed. */
export async function run(...command: string[]): Promise<string> {
  const { code, stdout, stderr } = await finish(command)
  if (code !== 0) throw new Error(`\`${command.join(' ')}\` failed with ${code}: ${stderr.trim()}`)
  return stdout
}

/** Runs a command now, for the last moments of a process; says whether it succeeded. */
export function runNow(...command: string[]): boolean {
  const [file = '', ...args] = command
  try {
    execFileSync(file, args, { stdio: 'ignore', timeout: COMMAND_TIMEOUT_MS })
    return true
  } catch {
    return false
  }
}
