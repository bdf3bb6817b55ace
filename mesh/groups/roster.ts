/**
 * Who belongs to a group and what he may do: a pure function of the orders that are known (GROUPS §7.4, R1).
 *
 * Whoever knows the same orders comes to the same roster, whatever the way they came. A removal wins over what its
 * target did at the same time; of two who remove each other the one of higher role stays, then the one who has been
 * there longer, then the one whose order has the smaller name. Whether an author was allowed to give an order is
 * judged by what he knew then, which never changes.
 */
import type { DeviceId, PersonId } from '#mesh/ids'
import type { GroupKind, Order, Role } from './body.ts'
import type { EntryId } from './ids.ts'

/** How many entries of each log somebody has read. */
export type Heard = ReadonlyMap<DeviceId, number>

/** An order with all that its author knew, judged. */
export interface JudgedOrder {
  readonly id: EntryId
  readonly author: DeviceId
  readonly seq: number
  readonly order: Order
  /** What its author had read, his own log included. */
  readonly heard: Heard
  /** Who is added or removed; absent for other orders. With `fromSeq` the device's log has two ends from that entry on. */
  readonly target?: { readonly device: DeviceId; readonly person?: PersonId; readonly fromSeq?: number }
  /** Absent when its author was not allowed to. */
  readonly authority?: { readonly rank: number; readonly since: number }
}

/** One device that belongs to a group. */
export interface Member {
  readonly device: DeviceId
  readonly person: PersonId
  /** A measure of how early it came: what whoever added it had read by then. */
  readonly since: number
  /** The key package that it was added with. */
  readonly keyPackage: Uint8Array
}

/** What holds in a group. */
export interface Roster {
  readonly members: ReadonlyMap<DeviceId, Member>
  roleOf(person: PersonId): Role
  isMuted(person: PersonId): boolean
  readonly name: string
}

/** What a group was begun as. */
export interface Genesis {
  readonly kind: GroupKind
  readonly creator: DeviceId
}

const RANK: Record<Role, number> = { member: 1, moderator: 2, admin: 3 }

/** Evidence outranks everybody. */
const EVIDENCE_RANK = 4

/** True when the author of `b` had read `a`. */
export function isBefore(a: { author: DeviceId; seq: number }, b: { heard: Heard }): boolean {
  return a.seq < (b.heard.get(a.author) ?? 0)
}

/** The orders that somebody who has read so much knows. */
export function knownTo(heard: Heard, orders: Iterable<JudgedOrder>): JudgedOrder[] {
  return [...orders].filter((order) => isBefore(order, { heard }))
}

/** See the head of this file. */
export function rosterOf(genesis: Genesis, orders: readonly JudgedOrder[]): Roster {
  const allowed = orders.filter(({ authority }) => authority !== undefined)
  const removals = effectiveRemovals(allowed)
  const counting = allowed.filter((order) => !isVoid(order, removals))
  const members = membersIn(counting, removals)
  const creator = genesis.kind === 'group' ? personOf(counting, genesis.creator) : undefined
  const roles = newest(counting, removals, members, (order) => (order.op === 'role' ? order.person : undefined))
  const mutes = newest(counting, removals, members, (order) => (order.op === 'mute' ? order.person : undefined))
  const names = newest(counting, [], members, (order) => (order.op === 'name' ? '' : undefined)).get('') ?? []
  return {
    members,
    roleOf(person) {
      const said = (roles.get(person) ?? []).flatMap(({ order }) => (order.op === 'role' ? [order.role] : []))
      const lowest = said.sort((a, b) => RANK[a] - RANK[b])[0] // who is given two roles at once gets the lesser one
      return lowest ?? (person === creator ? 'admin' : 'member')
    },
    isMuted: (person) => (mutes.get(person) ?? []).some(({ order }) => order.op === 'mute' && order.isOn),
    name: names.flatMap(({ order }) => (order.op === 'name' ? [order.name] : []))[0] ?? '',
  }
}

/**
 * Whether `author` may give an order, judged by the roster of what he knew; `undefined` when he may not.
 * In a direct conversation nobody stands above the other: each adds and removes his own devices.
 */
export function authorityFor(genesis: Genesis, past: Roster, author: DeviceId, order: Order, target?: JudgedOrder['target']): JudgedOrder['authority'] {
  if (order.op === 'expel') return { rank: EVIDENCE_RANK, since: 0 }
  const issuer = past.members.get(author)
  if (issuer === undefined) return past.members.size === 0 && author === genesis.creator && order.op === 'add' ? { rank: RANK.admin, since: 0 } : undefined
  const rank = genesis.kind === 'direct' ? RANK.member : RANK[past.roleOf(issuer.person)]
  const isAllowed = (): boolean => {
    switch (order.op) {
      case 'add':
        return mayAdd(genesis, past, issuer, target?.person)
      case 'remove': {
        const removed = past.members.get(order.device)
        if (removed === undefined) return false
        return removed.person === issuer.person || (rank > RANK.member && rank >= RANK[past.roleOf(removed.person)])
      }
      case 'role':
        return rank === RANK.admin || (order.person === issuer.person && RANK[order.role] < rank)
      case 'mute':
        return rank > RANK[past.roleOf(order.person)]
      case 'name':
        return genesis.kind === 'group' && rank > RANK.member
    }
  }
  return isAllowed() ? { rank, since: issuer.since } : undefined
}

function mayAdd(genesis: Genesis, past: Roster, issuer: Member, person: PersonId | undefined): boolean {
  if (person === undefined) return false
  if (genesis.kind === 'group') return true
  const people = new Set([...past.members.values()].map((member) => member.person))
  return person === issuer.person || (issuer.device === genesis.creator && people.size === 1)
}

/** Removals that count: the strongest first, and none by somebody whom a stronger one removed meanwhile. */
function effectiveRemovals(allowed: readonly JudgedOrder[]): JudgedOrder[] {
  const removals = allowed.filter(({ order }) => order.op === 'remove' || order.op === 'expel').sort(strongestFirst)
  const effective: JudgedOrder[] = []
  for (const removal of removals) if (!isVoid(removal, effective)) effective.push(removal)
  return effective
}

function strongestFirst(a: JudgedOrder, b: JudgedOrder): number {
  const by = (order: JudgedOrder): { rank: number; since: number } => order.authority ?? { rank: 0, since: 0 }
  return by(b).rank - by(a).rank || by(a).since - by(b).since || (a.id < b.id ? -1 : 1)
}

/** Its author was removed by somebody who had not read it, and had not read that; or it stands where the author's log has two ends. Evidence holds whoever brings it. */
function isVoid(order: JudgedOrder, removals: readonly JudgedOrder[]): boolean {
  if (order.order.op === 'expel') return false
  return removals.some((removal) => {
    if (removal === order || removal.target?.device !== order.author) return false
    const { fromSeq } = removal.target
    return fromSeq === undefined ? !isBefore(removal, order) && !isBefore(order, removal) : order.seq >= fromSeq
  })
}

function membersIn(counting: readonly JudgedOrder[], removals: readonly JudgedOrder[]): Map<DeviceId, Member> {
  const members = new Map<DeviceId, Member>()
  for (const added of counting) {
    const { target, order } = added
    if (order.op !== 'add' || target?.person === undefined) continue
    const { device, person } = target
    if (removals.some((removal) => removal.target?.device === device && !isBefore(removal, added))) continue
    const since = sizeOf(added.heard)
    const known = members.get(device)
    if (known === undefined || since < known.since) members.set(device, { device, person, since, keyPackage: order.keyPackage })
  }
  return members
}

/** The last orders about each subject: those that no other one has read. What was said of somebody who was thrown out since is forgotten. */
function newest(
  counting: readonly JudgedOrder[],
  removals: readonly JudgedOrder[],
  members: ReadonlyMap<DeviceId, Member>,
  subjectOf: (order: Order) => string | undefined,
): Map<string, JudgedOrder[]> {
  const bySubject = new Map<string, JudgedOrder[]>()
  for (const order of counting) {
    const subject = subjectOf(order.order)
    if (subject === undefined) continue
    const devices = [...members.values()].filter(({ person }) => person === subject).map(({ device }) => device)
    const isOver = devices.length > 0 && devices.every((device) => removals.some((removal) => removal.target?.device === device && isBefore(order, removal)))
    if (!isOver) bySubject.set(subject, [...(bySubject.get(subject) ?? []), order])
  }
  for (const [subject, said] of bySubject) {
    const last = said.filter((order) => !said.some((other) => other !== order && isBefore(order, other)))
    bySubject.set(
      subject,
      last.sort((a, b) => (a.id < b.id ? -1 : 1)),
    )
  }
  return bySubject
}

function personOf(counting: readonly JudgedOrder[], device: DeviceId): PersonId | undefined {
  return counting.find(({ target, order }) => order.op === 'add' && target?.device === device)?.target?.person
}

/** How much somebody had read: grows along every chain of causes. */
export function sizeOf(heard: Heard): number {
  let size = 0
  for (const count of heard.values()) size += count
  return size
}
