/**
 * `qpq`: finds the command in the table, connects to the running node, prints, and says by its exit
 * code how it went. What a command does not need is not loaded: `qpq status` is asked from scripts.
 */
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline/promises'
import { COMMON_FLAGS, type Command, findCommand, type Input, parseInput, printHelp } from '#cli/commands'
import { EXIT, exitCodeOf, failureLine, ProgressLine, plain, Sink, usageError } from '#cli/output'
import { isMeshError, MeshError } from '#mesh/errors'
import { dataPath } from '#node/config'
import { ControlClient, lockOwner } from '#node/control'

/** What a timer can hold, in seconds, less a little. */
const MAX_TIMEOUT_S = 2_000_000
/** How often `down` looks whether the node has let go of its data, ms. */
const DOWN_POLL_MS = 25
/** How long `down` waits for that unless --timeout says otherwise, ms. */
const DOWN_WAIT_MS = 30_000

async function main(argv: readonly string[]): Promise<number> {
  const out = new Sink(process.stdout)
  const typed = commonFlagsLast(argv)
  const first = typed[0]
  if (first === '--version') return version(out)
  if (first === undefined || first === '--help' || first === '-h') {
    printHelp(out, undefined)
    return first === undefined ? EXIT.usage : EXIT.done
  }
  const { command, rest } = findCommand(typed)
  const input = parseInput(command, rest)
  if (command.name === 'help' || input.isSet('help')) {
    printHelp(out, command.name === 'help' ? input.optional('command') : command.name)
    return EXIT.done
  }
  if (command.name === 'version') return version(out)
  const timeoutMs = timeoutOf(input)
  const dataDir = dataPath(input.value('data'))
  if (command.name === 'up') {
    const { up } = await import('./commands/up.ts')
    return up(input, { dataDir, json: input.isSet('json'), timeoutMs })
  }
  await ask(command, input, dataDir, timeoutMs, out)
  return EXIT.done
}

/** Runs a command against the node of a data directory. */
async function ask(command: Command, input: Input, dataDir: string, timeoutMs: number | undefined, out: Sink): Promise<void> {
  const started = performance.now()
  const client = await ControlClient.connect(dataDir, timeoutMs === undefined ? {} : { timeoutMs })
  const stopped = new AbortController()
  const stop = () => stopped.abort()
  const isStream = command.isLong === true
  if (isStream) process.once('SIGINT', stop).once('SIGTERM', stop)
  const timer = isStream && timeoutMs !== undefined ? setTimeout(stop, timeoutMs) : undefined
  try {
    const owner = command.name === 'down' ? await lockOwner(dataDir) : undefined
    const json = input.isSet('json')
    const isAttended = process.stdin.isTTY === true && out.isTerminal && !json
    const context = {
      api: client,
      out,
      json,
      signal: stopped.signal,
      isInPlace: false,
      readText: readStandardInput,
      ...(isAttended ? { confirm } : {}),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(process.stderr.isTTY ? { progress: new ProgressLine(process.stderr) } : {}),
    }
    const isLate = () => timer !== undefined && performance.now() - started >= (timeoutMs ?? 0)
    await command.run?.(context, input).catch((error: unknown) => {
      if (!isLate() || !isMeshError(error, 'NODE_STOPPED')) throw error
    })
    if (owner !== undefined) await released(dataDir, owner, started + (timeoutMs ?? DOWN_WAIT_MS))
    if (isLate())
      throw new MeshError('NODE_TIMEOUT', `${command.call === 'watch' ? 'watched for' : 'stopped after'} ${(timeoutMs ?? 0) / 1_000} s`, {
        hint: 'without --timeout it goes on until it is done or you stop it',
      })
  } finally {
    clearTimeout(timer)
    process.off('SIGINT', stop).off('SIGTERM', stop)
    await client.close()
  }
}

/** Resolves when the process that owned the data directory has let go, so that `down && up` is safe. */
async function released(dataDir: string, owner: number, untilMs: number): Promise<void> {
  while ((await lockOwner(dataDir)) === owner) {
    if (performance.now() > untilMs)
      throw new MeshError('NODE_TIMEOUT', `the node (pid ${owner}) has not stopped yet`, { hint: `look at its log, or end it with kill ${owner}` })
    await new Promise((resolve) => setTimeout(resolve, DOWN_POLL_MS))
  }
}

/** Anything but a yes is a no. */
async function confirm(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return /^y(es)?$/i.test((await lines.question(plain(`${question} [y/N] `))).trim())
  } finally {
    lines.close()
  }
}

async function readStandardInput(): Promise<string> {
  let text = ''
  process.stdin.setEncoding('utf8')
  for await (const chunk of process.stdin) {
    text += String(chunk)
    if (text.length > 65_536) throw new MeshError('MESH_TEXT_INVALID', 'the text on standard input is too long', { hint: 'send it in parts of at most 32 KiB' })
  }
  return text
}

function timeoutOf(input: Input): number | undefined {
  const text = input.value('timeout')
  if (text === undefined) return undefined
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0
  if (seconds <= 0 || seconds > MAX_TIMEOUT_S) throw usageError(`--timeout takes seconds, not "${text}"`, 'for example --timeout 10')
  return Math.ceil(seconds * 1_000)
}

/** `qpq --data DIR status` means what `qpq status --data DIR` means. */
function commonFlagsLast(argv: readonly string[]): string[] {
  let at = 0
  while (at < argv.length) {
    const flag = COMMON_FLAGS.find(({ name }) => argv[at] === `--${name}` || argv[at]?.startsWith(`--${name}=`))
    if (flag === undefined || flag.name === 'help') break
    at += flag.value === undefined || argv[at]?.includes('=') === true ? 1 : 2
  }
  return at >= argv.length ? [...argv.slice(at)] : [argv[at] ?? '', ...placeFlags(argv.slice(at + 1), argv.slice(0, at))]
}

/** After the command's second word, if it has one, and before a `--` that ends the flags. */
function placeFlags(rest: readonly string[], flags: readonly string[]): string[] {
  const end = rest.indexOf('--')
  return end === -1 ? [...rest, ...flags] : [...rest.slice(0, end), ...flags, ...rest.slice(end)]
}

async function version(out: Sink): Promise<number> {
  const manifest: unknown = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  const number = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown'
  out.line(`qpq ${number} (node ${process.versions.node})`)
  return EXIT.done
}

// `qpq log bob | head` closes the pipe: that is the reader's wish and no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.fault))

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${failureLine(error, process.argv.includes('--json'))}\n`)
  if ((process.env['QPQ_DEBUG'] ?? '') !== '') process.stderr.write(`${error instanceof Error ? (error.stack ?? '') : String(error)}\n`)
  process.exitCode = exitCodeOf(error)
}
// A node that stopped may leave a timer of a library behind; what was printed leaves first.
if (process.argv.includes('up')) process.stdout.write('', () => process.exit())
