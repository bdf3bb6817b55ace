/** The outbox as people see it and take hold of it: what waits, in what order, and which of it somebody means. */
import { MeshError } from '#mesh/errors'
import type { EnvelopeId, PersonId } from '#mesh/ids'
import type { OutboxEntry } from '#mesh/routing'
import type { OutboxCleared, OutboxInfo } from '#node/control'
import type { Carriage } from './carriage.ts'
import { timeText } from './views.ts'

/** One that waits, with whom it is for and since when. */
interface Waiting {
  readonly entry: OutboxEntry
  readonly person: PersonId | undefined
  readonly sinceMs: number
  readonly mayCross: boolean
}

/** The parts that are asked. */
type OutboxDeps = Pick<Carriage, 'ledger' | 'conversations' | 'contacts' | 'store'>

const ORDER: readonly OutboxInfo['priority'][] = ['critical', 'normal', 'bulk', 'ephemeral']
/** Characters of the end of an id that somebody may type instead of all 43: commands show eight. */
const MIN_ID_END = 6

/**
 * What waits, the most urgent first, and of the equally urgent the oldest.
 * @param nextMsOf when this node next does something about one, ms since 1970
 */
export async function listOutbox(deps: OutboxDeps, nextMsOf: (id: EnvelopeId) => number | undefined): Promise<OutboxInfo[]> {
  const { contacts } = deps
  return (await waiting(deps)).map(({ entry, person, sinceMs, mayCross }) =>
    outboxInfo(entry, { to: person === undefined ? entry.to : (contacts.get(person)?.petname ?? person), sinceMs, nextMs: nextMsOf(entry.id), mayCross }),
  )
}

/** Takes back what somebody means, or only tells what that is. @throws MeshError `MESH_CONTACT_UNKNOWN`, `MESH_CONTACT_AMBIGUOUS` */
export async function clearOutbox(deps: OutboxDeps, { which, dryRun }: { which?: string; dryRun?: boolean }): Promise<OutboxCleared> {
  const all = await waiting(deps)
  const chosen = which === undefined || which.trim() === '' ? all : meant(deps, all, which.trim())
  const ids = chosen.map(({ entry }) => entry.id)
  const mayBeGiven = ({ attempts, isFromBefore, custody }: OutboxEntry): boolean => attempts > 0 || isFromBefore || custody.length > 0
  const given = new Set(chosen.flatMap(({ entry }) => (mayBeGiven(entry) ? [entry.id] : [])))
  const cleared = dryRun === true ? ids : await deps.conversations.withdraw(ids)
  return { cleared, mayArrive: cleared.filter((id) => given.has(id)).length }
}

async function waiting({ ledger, conversations, store }: OutboxDeps): Promise<Waiting[]> {
  const rows = await Promise.all(
    ledger.list().map(async (entry) => {
      const meta = store.meta(entry.id)
      return { entry, person: await conversations.personOf(entry.id), sinceMs: meta?.firstSeenMs ?? 0, mayCross: meta?.mayCross ?? true }
    }),
  )
  return rows.sort((a, b) => ORDER.indexOf(a.entry.priority) - ORDER.indexOf(b.entry.priority) || a.sinceMs - b.sinceMs)
}

/** A name, which may have spaces; otherwise names and ids with spaces between. */
function meant({ contacts }: OutboxDeps, all: readonly Waiting[], which: string): Waiting[] {
  const ofPerson = (name: string) => {
    const { person } = contacts.find(name)
    return all.filter((one) => one.person === person)
  }
  if (contacts.list().some(({ petname }) => petname === which)) return ofPerson(which)
  const chosen = which.split(/\s+/).flatMap((word) => {
    const end = word.replace(/^…/, '')
    const alike = end.length < MIN_ID_END ? [] : all.filter(({ entry }) => entry.id.endsWith(end))
    if (alike.length > 1) throw new MeshError('MESH_CONTACT_AMBIGUOUS', `several ids end in "${end}"`, { hint: 'write more of it; --json shows whole ids' })
    return alike.length === 1 ? alike : ofPerson(word)
  })
  return [...new Set(chosen)]
}

/** @param row.nextMs when this node next dials somebody, or offers this once more, ms since 1970: it then gives away what is `queued`, not what others carry already */
export function outboxInfo(entry: OutboxEntry, row: { to: string; sinceMs: number; nextMs: number | undefined; mayCross?: boolean }): OutboxInfo {
  const { id, priority, state, attempts, custody } = entry
  return {
    id,
    to: row.to,
    priority,
    ...(row.mayCross === false ? { bridge: false } : {}),
    state,
    attempts,
    since: timeText(row.sinceMs),
    ...(row.nextMs === undefined || state !== 'queued' ? {} : { nextAttemptAt: timeText(row.nextMs) }),
    custody: custody.map(({ device, untilMs, from, hops }) => ({ device, until: timeText(untilMs), ...(from === undefined ? {} : { from }), hops })),
  }
}
