import { resolve } from 'node:path'
import { Sink, usageError } from '#cli/output'
import { openTerminal, type Terminal } from '#cli/repl'
import { MeshError } from '#mesh/errors'
import { DEFAULT_CONFIG, type IdentityNotice, LOG_LEVELS, loadConfig, type NodeOptions, nearest, nodeOptions, type OptionFlags, PROFILES } from '#node/config'
import type { RunningNode } from '#node/control'
import type { Input } from './input.ts'
import { assertAddresses } from './up-addresses.ts'
import { passphraseSource, wordsSource } from './up-secrets.ts'

/** What `up` stands in. */
export interface UpSurroundings {
  readonly dataDir: string
  readonly json: boolean
  readonly timeoutMs: number | undefined
}

/** Starts a node in the foreground and stays until it ends. Resolves to the exit code. */
export async function up(input: Input, around: UpSurroundings): Promise<number> {
  const out = new Sink(process.stdout)
  if (input.isSet('print-default-config')) {
    process.stdout.write(DEFAULT_CONFIG)
    return 0
  }
  const isInteractive = !around.json && process.stdin.isTTY === true && process.stdout.isTTY === true
  const words = new WordsNotice(isInteractive, input)
  let terminal: Terminal | undefined
  const print = (line: string) => (terminal === undefined ? void process.stderr.write(line) : terminal.print(line))
  const options = await optionsFrom(input, around.dataDir, isInteractive, print, (identity) => words.take(identity))
  const signals = untilSignal()
  try {
    // Loaded late: it brings in the whole network, and wrong flags are answered without it.
    const { startNode } = await import('#node/compose')
    const node = await started(startNode(options), signals.asked, around.timeoutMs).catch((error: unknown) => {
      words.print(out) // the identity may be made already, and its words are shown at no later start
      throw error
    })
    if (node === undefined) return 0
    try {
      if (isInteractive) {
        words.print(out)
        terminal = await openTerminal(node, { input: process.stdin, output: process.stdout })
        await Promise.race([node.done, signals.asked, terminal.left])
        terminal.close()
        terminal = undefined
      } else {
        out.json(node.ready)
        words.print(out)
        await streamEvents(node, out, signals.asked)
      }
    } finally {
      await node.stop()
    }
    return 0
  } finally {
    signals.forget()
  }
}

async function optionsFrom(
  input: Input,
  dataDir: string,
  isInteractive: boolean,
  write: (line: string) => void,
  onIdentity: (identity: IdentityNotice) => void,
): Promise<NodeOptions> {
  const config = await loadConfig(input.value('config'))
  const port = input.number('port', 0, 65_535)
  const control = input.value('control-port') === 'off' ? 'off' : input.number('control-port', 0, 65_535)
  const [name, listen, peers] = [input.value('name'), input.values('listen'), input.values('peer')]
  await assertAddresses(config, { peers, listen })
  const profile = choice(input, 'profile', PROFILES)
  const logLevel = choice(input, 'log-level', LOG_LEVELS)
  if (input.isSet('words-file') && !input.isSet('restore')) throw usageError('--words-file goes with --restore', 'qpq up --restore --words-file FILE')
  const flags: OptionFlags = {
    ...(name === undefined ? {} : { name }),
    ...(port === undefined ? {} : { port }),
    ...(listen === undefined ? {} : { listen }),
    ...(peers === undefined ? {} : { peers }),
    ...(profile === undefined ? {} : { profile }),
    ...(control === undefined ? {} : { controlPort: control }),
    ...(input.isSet('no-discovery') ? { discovery: false } : {}),
    ...(logLevel === undefined ? {} : { logLevel }),
    watchFolders: (input.values('watch-folder') ?? []).map((folder) => resolve(folder)),
  }
  const restoreWords = input.isSet('restore') ? await wordsSource(dataDir, input.value('words-file'), isInteractive) : undefined
  return nodeOptions(
    dataDir,
    config,
    flags,
    { level: isInteractive ? 'error' : 'warn', write },
    {
      passphrase: passphraseSource(input.value('passphrase-file') ?? config.passphraseFile, isInteractive),
      onIdentity,
      ...(restoreWords === undefined ? {} : { restoreWords }),
    },
  )
}

function choice<T extends string>(input: Input, flag: string, of: readonly T[]): T | undefined {
  const given = input.value(flag)
  if (given === undefined) return undefined
  const found = of.find((value) => value === given)
  if (found !== undefined) return found
  const meant = nearest(given, of)
  throw usageError(`--${flag} cannot be "${given}"`, meant === undefined ? `it is one of ${of.join(', ')}` : `did you mean ${meant}?`)
}

/** The node, or `undefined` when somebody stopped it before it was ready. */
async function started(starting: Promise<RunningNode>, asked: Promise<void>, timeoutMs: number | undefined): Promise<RunningNode | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    if (timeoutMs !== undefined) timer = setTimeout(() => resolve('late'), timeoutMs)
  })
  const first = await Promise.race([starting, asked.then(() => 'asked' as const), late])
  clearTimeout(timer)
  if (typeof first !== 'string') return first
  // It is on its way: let it arrive, then stop it, so that nothing is left half-open.
  await (await starting).stop()
  if (first === 'late')
    throw new MeshError('NODE_TIMEOUT', `the node was not ready within ${(timeoutMs ?? 0) / 1_000} s`, { hint: 'give it longer with --timeout SECONDS' })
  return undefined
}

/** One JSON line per event until the node ends or somebody ends it, what happens while it stops included. */
async function streamEvents(node: RunningNode, out: Sink, asked: Promise<void>): Promise<void> {
  const ended = new AbortController()
  const stream = async () => {
    for await (const event of node.api.watch(ended.signal)) out.json(event)
  }
  const streaming = stream()
  try {
    // A stream that ends by itself ends nothing; one that breaks ends the node, loudly.
    await Promise.race([node.done, asked, streaming.then(() => node.done)])
  } finally {
    try {
      await node.stop()
    } finally {
      ended.abort()
      await streaming
    }
  }
}

/** SIGINT and SIGTERM ask for a clean end; the second one does not ask. */
function untilSignal(): { asked: Promise<void>; forget(): void } {
  let count = 0
  let ask: () => void = () => {}
  const asked = new Promise<void>((resolve) => {
    ask = resolve
  })
  const take = () => {
    if (++count > 1) process.exit(130)
    ask()
  }
  process.on('SIGINT', take)
  process.on('SIGTERM', take)
  return {
    asked,
    forget() {
      process.off('SIGINT', take)
      process.off('SIGTERM', take)
    },
  }
}

/** The 24 words are shown once, to a person; to a log only when somebody asked for exactly that. */
class WordsNotice {
  readonly #isInteractive: boolean
  readonly #isAsked: boolean
  readonly #isRestored: boolean
  #words: string | undefined
  #isMissed = false

  constructor(isInteractive: boolean, input: Input) {
    this.#isInteractive = isInteractive
    this.#isAsked = input.isSet('show-words')
    this.#isRestored = input.isSet('restore')
  }

  take(identity: IdentityNotice): void {
    const isNew = identity.created && !this.#isRestored
    if (this.#isAsked || (isNew && this.#isInteractive)) this.#words = identity.words()
    else this.#isMissed = isNew
  }

  print(out: Sink): void {
    if (this.#isMissed) process.stderr.write('qpq: a new identity was made; `qpq up --show-words` shows the 24 words that restore it: write them down\n')
    if (this.#words === undefined) return
    if (!this.#isInteractive) {
      out.json({ event: 'words', words: this.#words })
    } else {
      out.line({ style: 'bold', text: 'These 24 words are you. Write them down on paper: who loses them loses this identity, who sees them can take it.' })
      const words = this.#words.split(' ')
      for (let i = 0; i < words.length; i += 6)
        out.line(
          '  ',
          words
            .slice(i, i + 6)
            .map((word, at) => `${String(i + at + 1).padStart(2)} ${word.padEnd(9)}`)
            .join(' '),
        )
      out.gap()
    }
    this.#words = undefined
  }
}
