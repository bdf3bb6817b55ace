/** What a scenario asks for and real processes cannot have: refused, or told in a note where it only makes the run easier. */
import type { Scenario } from '../../sim/scenario.ts'

/** Why a scenario cannot be run on real processes; `code` is for scripts. */
export interface Refusal {
  readonly code: 'too-many-nodes' | 'hostile' | 'couriers' | 'clock-jumps' | 'expiry' | 'store'
  readonly message: string
}

/** Whether and how a scenario fits. */
export interface Fit {
  readonly refusals: readonly Refusal[]
  /** What is left out or differs. */
  readonly notes: readonly string[]
}

/** Processes at most: 24 nodes take 3 GB, and longer than this machine's two processors should need for their start. */
export const MAX_NODES = 24
/** A run lasts so long when nobody says how fast it goes, ms. */
const DEFAULT_RUN_MS = 60_000
/** The smallest store that a real node can be told to have (its profile `router`), bytes. */
const SMALLEST_STORE_BYTES = 16_000_000

/** Seconds of the scenario for each real second. @param asked what somebody wants instead of what the scenario says */
export function speedOf({ duration, real }: Pick<Scenario, 'duration' | 'real'>, asked?: number): number {
  return asked ?? real.speed ?? Math.max(1, duration / DEFAULT_RUN_MS)
}

/** Looks at a scenario. */
export function fitOf(scenario: Scenario): Fit {
  return { refusals: refusalsOf(scenario), notes: notesOf(scenario) }
}

function refusalsOf({ nodes, hostile, couriers, faults, store, duration }: Scenario): Refusal[] {
  const kinds = Object.entries(hostile).flatMap(([kind, count]) => (count > 0 ? [kind] : []))
  const all: (Refusal | false)[] = [
    nodes > MAX_NODES && {
      code: 'too-many-nodes',
      message: `${nodes} nodes are more than the ${MAX_NODES} processes that are started here; take fewer with --nodes N`,
    },
    kinds.length > 0 && { code: 'hostile', message: `hostile nodes (${kinds.join(', ')}) exist in the simulator alone` },
    couriers !== undefined && { code: 'couriers', message: 'couriers with sticks exist in the simulator alone' },
    faults.clocks?.jumps !== undefined && {
      code: 'clock-jumps',
      message: 'clocks that jump exist in the simulator alone: real processes share the clock of the machine',
    },
    store.retention < duration && {
      code: 'expiry',
      message: 'messages that expire within the scenario exist in the simulator alone: a real node counts days on a real clock',
    },
    store.maxBytes < SMALLEST_STORE_BYTES && {
      code: 'store',
      message: `a store of ${store.maxBytes} B exists in the simulator alone; the smallest of a real node has ${SMALLEST_STORE_BYTES} B`,
    },
  ]
  return all.filter((refusal) => refusal !== false)
}

function notesOf({ links, faults }: Scenario): string[] {
  const { disks, clocks } = faults
  const all: (string | false)[] = [
    'links have no delay and do not reorder: the kernel has no means for it here',
    (links.breaks > 0 || links.stalls > 0 || links.twins > 0) &&
      'links do not break, stand still or come in twos by chance (breaks, stalls, twins); `netns: { loss }` loses packets',
    disks?.kinds.includes('EIO') === true && 'disks become full and have no other errors (EIO in faults.disks)',
    clocks !== undefined && 'all clocks are right (faults.clocks)',
  ]
  return all.filter((note) => note !== false)
}
