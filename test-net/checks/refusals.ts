/** What the command line has to say when it refuses something: the same facts for people and for scripts. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { ErrorCode } from '#mesh/errors'
import type { NodeSpace } from '../netns/index.ts'

/** What is expected of one refusal. */
export interface Refusal {
  /** DESIGN §12. */
  readonly exit: number
  readonly code: ErrorCode
  /** Sentence and advice, as people read them. */
  readonly says: RegExp
}

const LAUNCHER = join(import.meta.dirname, '../../scripts/qpq')
/** One command on a busy machine, in ms. */
const COMMAND_TIMEOUT_MS = 30_000
/** What steers a terminal, the line feed aside; the frame of a stack trace. */
const STEERING = /(?!\n)[\p{Cc}\u202a-\u202e\u2066-\u2069]/u
const STACK = /\n\s+at /

/** How many refusals were looked at, text and JSON counted apart. */
export const seen = { refusals: 0 }
/** Codes that were seen as JSON. */
const asJson = new Set<ErrorCode>()

/** Runs `qpq` in a namespace to its end. */
export function qpq(space: NodeSpace, args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return space.exec(['sh', LAUNCHER, ...args], { timeoutMs: COMMAND_TIMEOUT_MS })
}

/** Runs a command that has to be refused, once for people and once for scripts, and looks at code, sentence, advice and exit code. */
export async function assertRefused(space: NodeSpace, args: readonly string[], expected: Refusal): Promise<void> {
  const what = `qpq ${args.join(' ').slice(0, 120)}`
  const spoken = await qpq(space, args)
  assert.equal(spoken.code, expected.exit, `${what}: ${spoken.stderr}`)
  assert.doesNotMatch(spoken.stdout + spoken.stderr, STACK, what)
  assert.doesNotMatch(spoken.stdout + spoken.stderr, STEERING, what)
  const line = lastLine(spoken.stderr)
  const [, sentence = '', advice = ''] = /^qpq: (.+?) — (.+) \([A-Z_]+\)$/.exec(line) ?? []
  assert.ok(sentence.length > 5 && advice.length > 5, `${what} has a sentence and an advice: ${line}`)
  assert.ok(line.endsWith(`(${expected.code})`), `${what}: ${line}`)
  assert.match(line, expected.says, what)
  seen.refusals += 1
  // One function writes all JSON, and a start is dear: of `up` each code is asked for once.
  if (args[0] === 'up' && asJson.has(expected.code)) return
  asJson.add(expected.code)

  const [flags, rest] = splitAtEnd(args)
  const json = await qpq(space, [...flags, '--json', ...rest])
  assert.equal(json.code, expected.exit, `${what} --json: ${json.stderr}`)
  const { error } = JSON.parse(lastLine(json.stderr)) as { error: { code: string; message: string; hint?: string; exit: number } }
  assert.deepEqual([error.code, error.exit], [expected.code, expected.exit], what)
  assert.ok(error.message !== '' && (error.hint ?? '') !== '', `${what} --json has a sentence and an advice: ${json.stderr}`)
  assert.doesNotMatch(json.stdout + json.stderr, STEERING, what)
  seen.refusals += 1
}

/** Flags go before a `--` that ends them. */
function splitAtEnd(args: readonly string[]): [readonly string[], readonly string[]] {
  const end = args.indexOf('--')
  return end === -1 ? [args, []] : [args.slice(0, end), args.slice(end)]
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? ''
}
