/** What must be true of machines: now and then while a run lasts, and at its end. */
import type { MessageView } from '#mesh/conversations'
import { HOP_LIMIT } from '#mesh/envelope'
import type { Address, EnvelopeId } from '#mesh/ids'
import { type EnvelopeMeta, type Quota, STORED_OVERHEAD_BYTES } from '#mesh/store'
import type { Machine } from './machine.ts'
import type { Sent, Witness } from './witness.ts'

/** Messages of one conversation that a log is asked for. */
const LOG_LIMIT = 100_000
/** Sweeps after a start or a jump of the clock until everything expired is gone: one that dates anew, one that removes, one for the beginning. */
const EXPIRY_GRACE_SWEEPS = 3
/** Links between two nodes while everybody meets one in the middle. */
const HUB_HOPS = 2
/** A receipt that frees room may come in above a quota; this much is forgiven: one of the largest envelopes and a few of the others. */
const SLACK: Quota = { bytes: 70_000, count: 20 }

/** Shares and expiry of one store. @param settledForMs since the machine's last start, clock jump or disk failure */
export function auditStore(witness: Witness, machine: Machine, nowMs: number, settledForMs: number): void {
  const { carriage, limits } = machine
  if (carriage === undefined) return
  const authors = new Shares()
  const links = new Shares()
  const addresses = new Shares()
  const whole = new Shares()
  const graceMs = EXPIRY_GRACE_SWEEPS * machine.sweepMs
  for (const id of carriage.store.ids()) {
    const meta = carriage.store.meta(id)
    if (meta === undefined) continue
    if (settledForMs > graceMs && meta.expiryMs + graceMs < nowMs)
      witness.fail('expired-kept', `${machine.name} keeps ${id}, which expired ${nowMs - meta.expiryMs} ms ago`)
    whole.add('total', meta)
    if (meta.own) continue
    authors.add(meta.author, meta)
    addresses.add(meta.address, meta)
    if (meta.from !== undefined) links.add(meta.from, meta)
    if (meta.stranger) whole.add('strangers', meta)
  }
  const strangers = { bytes: limits.maxBytes * limits.strangerShare, count: limits.maxEnvelopes * limits.strangerShare }
  const quotas: [string, Shares, string | undefined, Quota][] = [
    ['author', authors, undefined, limits.author],
    ['link', links, undefined, limits.link],
    ['address', addresses, undefined, limits.scope],
    ['store', whole, 'total', { bytes: limits.maxBytes, count: limits.maxEnvelopes }],
    ['strangers', whole, 'strangers', strangers],
  ]
  for (const [name, shares, key, quota] of quotas) {
    const over = shares.over(quota, key)
    if (over !== undefined) witness.fail('quota', `${machine.name}: ${name} ${over} is over ${quota.bytes} B, ${quota.count} envelopes`)
  }
}

/** What must be true after everybody could talk to everybody for a while. */
export async function auditEnd(witness: Witness, honest: readonly Machine[], options: { equal: boolean }): Promise<void> {
  const logs = new Map<Machine, Map<Machine, MessageView[]>>()
  for (const machine of honest) {
    const of = new Map<Machine, MessageView[]>()
    for (const other of machine.friends) of.set(other, await machine.log(other, LOG_LIMIT))
    logs.set(machine, of)
  }
  for (const machine of honest) for (const [other, log] of logs.get(machine) ?? []) auditLog(witness, machine, other, log)
  for (const sent of witness.sent.values()) auditMessage(witness, sent, logs)
  for (const machine of honest) if (machine.carriage === undefined) witness.fail('off', `${machine.name} is not running at the end`)
  if (!options.equal) return
  const tired = tiredReceipts(honest)
  for (const machine of honest) auditLeftovers(witness, machine, honest, tired)
  auditEqual(witness, honest, tired)
}

/** Each once, nothing before what it follows. */
function auditLog(witness: Witness, machine: Machine, other: Machine, log: readonly MessageView[]): void {
  const at = new Map<EnvelopeId, number>()
  log.forEach((message, i) => {
    if (at.has(message.id)) witness.fail('shown-twice', `${machine.name} has ${message.id} twice in the log of ${other.name}`)
    at.set(message.id, i)
  })
  log.forEach((message, i) => {
    for (const parent of message.parents)
      if ((at.get(parent) ?? -1) > i) witness.fail('causal-order', `${machine.name} has ${message.id} before ${parent}, which it follows`)
    if (message.direction === 'in' && witness.sent.get(message.text)?.to !== machine)
      witness.fail('not-written', `${machine.name} has ${message.id}, which nobody wrote to them`)
  })
}

/** Acknowledged means delivered by now; what its writer believes is true. */
function auditMessage(witness: Witness, { id, from, to, text }: Sent, logs: ReadonlyMap<Machine, ReadonlyMap<Machine, readonly MessageView[]>>): void {
  if (id === undefined) return
  const written = logs
    .get(from)
    ?.get(to)
    ?.find((message) => message.id === id)
  if (written === undefined) {
    witness.fail('lost-here', `${from.name} has not kept ${id}, which was acknowledged`)
    return
  }
  const there = logs.get(to)
  const arrived = there?.get(from)?.some((message) => message.id === id && message.text === text) ?? false
  if (written.state === 'delivered' && !arrived) {
    witness.fail('false-delivered', `${from.name} believes that ${id} was delivered to ${to.name}`)
    return
  }
  if (there === undefined) return // a person who is never there
  if (!arrived && written.state !== 'expired') witness.fail('not-delivered', `${id} from ${from.name} is not in the log of ${to.name}, and is ${written.state}`)
  if (arrived && written.state !== 'delivered' && written.state !== 'expired')
    witness.fail('state-behind', `${id} reached ${to.name}, and ${from.name} has heard nothing of it: ${written.state}`)
}

/** Addresses of receipts that have crossed as many links as they may: they go no further, and not everybody has them. */
function tiredReceipts(honest: readonly Machine[]): Set<Address> {
  const tired = new Set<Address>()
  for (const { carriage } of honest) {
    for (const id of carriage?.store.ids() ?? []) {
      const meta = carriage?.store.meta(id)
      if (meta?.kind === 'receipt' && meta.hops >= HOP_LIMIT - HUB_HOPS) tired.add(meta.address)
    }
  }
  return tired
}

/** Nobody carries any more what its owner has read. */
function auditLeftovers(witness: Witness, machine: Machine, honest: readonly Machine[], tired: ReadonlySet<Address>): void {
  const { carriage } = machine
  if (carriage === undefined) return
  const owners = new Map(honest.map((other) => [other.inbox, other]))
  for (const id of carriage.store.ids()) {
    const meta = carriage.store.meta(id)
    const owner = meta?.kind === 'inbox' ? owners.get(meta.address) : undefined
    const isRead = meta !== undefined && owner?.carriage?.store.isRetracted(id, meta.address) === true
    if (owner !== undefined && isRead && !tired.has(owner.inbox)) witness.fail('copy-left', `${machine.name} still carries ${id}, which ${owner.name} has read`)
  }
}

/** Receipts and announcements go to everybody: all have the same, but for what is about to expire. */
function auditEqual(witness: Witness, honest: readonly Machine[], tired: ReadonlySet<Address>): void {
  const holders = new Map<EnvelopeId, { count: number; meta: EnvelopeMeta }>()
  const soonMs = Math.max(...honest.map(({ wallMs }) => wallMs)) + 2 * 86_400_000
  for (const { carriage } of honest) {
    for (const id of carriage?.store.ids() ?? []) {
      const meta = carriage?.store.meta(id)
      if (meta === undefined || (meta.kind !== 'receipt' && meta.kind !== 'announcement') || tired.has(meta.address)) continue
      const known = holders.get(id)
      holders.set(id, { count: (known?.count ?? 0) + 1, meta: known !== undefined && known.meta.expiryMs < meta.expiryMs ? known.meta : meta })
    }
  }
  for (const [id, { count, meta }] of holders) {
    if (count !== honest.length && meta.expiryMs > soonMs) {
      const missing = honest.filter(({ carriage }) => carriage?.store.has(id) !== true)
      witness.fail(
        'not-equal',
        `${meta.kind} ${id} is at ${count} of ${honest.length} nodes, not at ${missing
          .slice(0, 3)
          .map(({ name }) => name)
          .join(', ')}`,
      )
    }
  }
}

class Shares {
  readonly #held = new Map<string, { bytes: number; count: number }>()

  add(key: string, { size }: EnvelopeMeta): void {
    const held = this.#held.get(key) ?? { bytes: 0, count: 0 }
    held.bytes += size + STORED_OVERHEAD_BYTES
    held.count++
    this.#held.set(key, held)
  }

  over(quota: Quota, key: string | undefined): string | undefined {
    for (const [name, { bytes, count }] of this.#held) {
      if (key !== undefined && name !== key) continue
      if (bytes > quota.bytes + SLACK.bytes || count > quota.count + SLACK.count) return `${name.slice(0, 12)} with ${bytes} B in ${count} envelopes`
    }
    return undefined
  }
}
