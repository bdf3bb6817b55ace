/** What stands behind `npm run sim --`. */
import { parseArgs } from 'node:util'
import { BREAKS, type Break } from './builds.ts'
import type { CryptoKind } from './world.ts'

/** The words, read and checked. */
export interface Words {
  readonly files: readonly string[]
  readonly suite: 'ci' | undefined
  readonly seed: number
  /** `Infinity` when only time ends it. */
  readonly seeds: number
  readonly nodes: number | undefined
  readonly jobs: number
  /** No seed begins after so many minutes. */
  readonly minutes: number | undefined
  readonly isJson: boolean
  readonly isShort: boolean
  readonly isVerbose: boolean
  readonly report: string | undefined
  readonly out: string | undefined
  readonly broken: Break | undefined
  readonly crypto: CryptoKind | undefined
  readonly backend: Backend
  /** Seconds of the scenario for each real second, on real processes. */
  readonly speed: number | undefined
}

/** What a scenario runs on: the simulator, or real processes in network namespaces. */
const BACKENDS = ['sim', 'netns'] as const
type Backend = (typeof BACKENDS)[number]

const USAGE = `usage: npm run sim -- FILE --seed N [--nodes N] [--seeds COUNT] [--jobs N] [--json] [--report FILE] [--out FOLDER]
       npm run sim -- --nightly MINUTES [FILE…] [--seed N] [--jobs N] [--out FOLDER]
       npm run sim -- --suite ci [--jobs N]
       npm run sim -- FILE --seed N --backend netns [--speed F] [--nodes N] [--seeds COUNT] [--short] [--json] [--journal]
       test-net/sim/README.md knows the other options`

/** @throws Error in words for people */
export function readWords(args: readonly string[]): Words {
  const { values, positionals } = parse(args)
  const { suite, report, out, nightly, crypto } = values
  if (suite !== undefined && suite !== 'ci') throw new Error('--suite takes: ci')
  if (crypto !== undefined && crypto !== 'fast' && crypto !== 'real') throw new Error('--crypto takes fast or real')
  const isMany = suite !== undefined || nightly !== undefined
  if (isMany ? suite !== undefined && positionals.length > 0 : positionals.length !== 1) throw new Error(USAGE)
  const broken = BREAKS.find((name) => name === values.break)
  if (values.break !== undefined && broken === undefined) throw new Error(`--break takes one of: ${BREAKS.join(', ')}`)
  const number = (name: 'nodes' | 'jobs' | 'seeds' | 'seed', least: number): number | undefined => wholeNumber(`--${name}`, values[name], least)
  return {
    files: positionals,
    suite,
    seed: number('seed', 0) ?? 1,
    seeds: number('seeds', 1) ?? (nightly === undefined ? 1 : Number.POSITIVE_INFINITY),
    nodes: number('nodes', 2),
    jobs: number('jobs', 1) ?? (isMany ? 2 : 1),
    minutes: wholeNumber('--nightly', nightly, 1) ?? wholeNumber('--minutes', values.minutes, 1),
    isJson: values.json,
    isShort: values.short,
    isVerbose: values.journal,
    report,
    out,
    broken,
    crypto,
    ...backendOf(values),
  }
}

/** What real processes cannot be asked for is refused by name. */
function backendOf(values: ReturnType<typeof parse>['values']): { backend: Backend; speed: number | undefined } {
  const backend = BACKENDS.find((name) => name === values.backend)
  if (backend === undefined) throw new Error(`--backend takes ${BACKENDS.join(' or ')}`)
  const speed = values.speed === undefined ? undefined : Number(values.speed)
  if (backend === 'sim') {
    if (speed !== undefined) throw new Error('--speed is for --backend netns: simulated time costs nothing')
    return { backend, speed }
  }
  if (speed !== undefined && !(speed > 0 && Number.isFinite(speed))) throw new Error(`--speed takes a number above 0, not "${values.speed}"`)
  const wrong = (['suite', 'nightly', 'minutes', 'jobs', 'report', 'out', 'break', 'crypto'] as const).filter((name) => values[name] !== undefined)
  if (wrong.length > 0) throw new Error(`--backend netns does not know --${wrong.join(', --')}`)
  return { backend, speed }
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      nodes: { type: 'string' },
      jobs: { type: 'string' },
      minutes: { type: 'string' },
      nightly: { type: 'string' },
      suite: { type: 'string' },
      json: { type: 'boolean', default: false },
      short: { type: 'boolean', default: false },
      journal: { type: 'boolean', default: false },
      report: { type: 'string' },
      out: { type: 'string' },
      break: { type: 'string' },
      crypto: { type: 'string' },
      backend: { type: 'string', default: 'sim' },
      speed: { type: 'string' },
    },
  })
}

function wholeNumber(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < least) throw new Error(`${name} takes a whole number from ${least} on, not "${text}"`)
  return number
}
