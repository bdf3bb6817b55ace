/** A group under partitions, restarts and partial deliveries, by a seed: what GROUPS §7.8 ran, on the real code. */
import { isMeshError } from '#mesh/errors'
import type { MlsCrypto } from '#mesh/mls'
import { type Crypto, type Random, randomBelow } from '#mesh/ports'
import { readEntry } from '../groups/entry.ts'
import { uncover } from '../groups/seal.ts'
import { GroupLab, type LabNode } from './group-lab.ts'
import { seededRandom } from './seeded-random.ts'

/** What a run found. */
export interface PartitionsResult {
  readonly seed: number
  /** What does not hold; empty when all does. */
  readonly failed: readonly string[]
  readonly messages: number
  readonly deliveries: number
  /** Not delivered, because their author was taken out meanwhile. */
  readonly lostWithRemoved: number
  readonly forks: number
  readonly commits: number
  readonly attempts: number
  readonly resyncs: number
  readonly epochsLeft: number
}

interface Sent {
  readonly id: string
  readonly text: string
  readonly author: LabNode
  /** Who was in the tree that it was encrypted to. */
  readonly to: ReadonlySet<string>
  /** Whose removal its author knew. */
  readonly out: ReadonlySet<string>
  readonly payload: Uint8Array
}

/** See the head of this file. */
export async function runPartitions(
  seed: number,
  options: {
    readonly nodes?: number
    readonly steps?: number
    readonly crypto?: Crypto
    readonly mls?: (random: Random) => MlsCrypto
  } = {},
): Promise<PartitionsResult> {
  const { nodes: count = 7, steps = 120 } = options
  const random = seededRandom(`partitions ${seed}`)
  const below = (bound: number): number => randomBelow(random, bound)
  const pick = <T>(items: readonly T[]): T => {
    const item = items[below(items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }
  const lab = new GroupLab(`partitions ${seed}`, { ...options, times: { hereMs: 60_000 } })
  const nodes = Array.from({ length: count }, (_, i) => lab.node(`n${i}`))
  const first = pick(nodes.slice(0, 1))
  const founders = nodes.slice(1, Math.min(5, count))
  await lab.create(first)
  for (const node of founders) await lab.groupOf(first).order({ op: 'add', keyPackage: await lab.keyPackage(node) })
  lab.collect(first)
  await lab.settle({ rounds: 3 })
  let part = nodes.map(() => 0)
  const sent: Sent[] = []
  const failed: string[] = []
  const inside = (node: LabNode): boolean => node.group?.roster.members.has(node.device) === true
  const say = async (node: LabNode, text: string): Promise<void> => {
    const group = lab.groupOf(node)
    const out = new Set(nodes.filter((other) => other.group !== undefined && !group.roster.members.has(other.device)).map(({ name }) => name))
    const before = lab.parcels.length
    const id = await lab.say(node, text)
    const position = group.state.positionOf(node.device)
    const leaves = position === undefined ? undefined : group.state.leavesOf(position)
    const to = new Set(nodes.filter(({ device }) => leaves?.has(device) === true).map(({ name }) => name))
    const parcel = lab.parcels.slice(before).findLast(({ kind }) => kind === 'entry')
    if (parcel?.kind === 'entry') sent.push({ id, text, author: node, to, out, payload: parcel.payload })
  }
  const attempt = async (node: LabNode, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      if (!isMeshError(error) || !['MESH_GROUP_BEHIND', 'MESH_GROUP_FORBIDDEN'].includes(error.code)) throw error
    }
    lab.collect(node)
  }
  for (let step = 0; step < steps; step++) {
    const dice = below(1000)
    const node = pick(nodes)
    if (dice < 60) {
      const parts = 1 + below(3)
      part = nodes.map(() => below(parts))
    } else if (dice < 420) {
      const at = nodes.indexOf(node)
      const near = nodes.filter((other, i) => other !== node && part[i] === part[at])
      if (near.length > 0) await lab.sync(node, pick(near), below(2) === 0 ? 1 : below(1000) / 1000)
    } else if (dice < 700) {
      if (inside(node)) await attempt(node, () => say(node, `step ${step}`))
    } else if (dice < 800) {
      await lab.clock.advance(below(20_000))
      await node.group?.tick()
      lab.collect(node)
    } else if (dice < 860) {
      const outside = nodes.filter((other) => !lab.groupOf(first).roster.members.has(other.device))
      if (inside(node) && outside.length > 0) {
        const keyPackage = await lab.keyPackage(pick(outside))
        await attempt(node, () => lab.groupOf(node).order({ op: 'add', keyPackage }))
      }
    } else if (dice < 910) {
      const members = [...(node.group?.roster.members.keys() ?? [])].filter((device) => device !== node.device)
      if (inside(node) && members.length > 2) await attempt(node, () => lab.groupOf(node).order({ op: 'remove', device: pick(members) }))
    } else if (dice < 930) {
      const known = [...(node.group?.roster.members.values() ?? [])]
      const person = known.length === 0 ? undefined : pick(known).person
      if (inside(node) && person !== undefined)
        await attempt(node, () => lab.groupOf(node).order({ op: 'role', person, role: pick(['admin', 'moderator', 'member']) }))
    } else if (dice < 935) await lab.clock.advance(86_400_000 * (1 + below(3)))
    else lab.restart(node)
  }
  await lab.settle({ rounds: 60 })
  const truth = mostAgreed(lab, nodes.filter(inside))
  const target = lab.groupOf(truth).roster.members
  const live = nodes.filter(({ device }) => target.has(device))
  for (const node of live) if (node.group !== undefined) await attempt(node, () => say(node, `last of ${node.name}`))
  await lab.settle({ rounds: 60 })
  failed.push(...checkTrees(lab, live, target.size))
  const { deliveries, attempts, lostWithRemoved } = await checkMessages({ nodes, live, sent, failed })
  const state = lab.groupOf(truth).state
  const children = new Map<string, number>()
  for (const { parent } of state.tree.nodes()) if (parent !== undefined) children.set(parent, (children.get(parent) ?? 0) + 1)
  return {
    seed,
    failed,
    messages: sent.length,
    deliveries,
    attempts,
    lostWithRemoved,
    forks: [...children.values()].filter((n) => n > 1).length,
    commits: [...state.tree.nodes()].length - 1,
    resyncs: [...state.resyncs.values()].reduce((sum, { seqs }) => sum + seqs.length, 0),
    epochsLeft: state.epochs.size,
  }
}

/**
 * A device whose roster most share. Not all who think that they belong to the group do: whoever was added by somebody
 * whom the others had removed meanwhile stands beside it, and cannot be told.
 */
function mostAgreed(lab: GroupLab, inside: readonly LabNode[]): LabNode {
  const byRoster = new Map<string, LabNode[]>()
  for (const node of inside) {
    const roster = [...lab.groupOf(node).roster.members.keys()].sort().join(' ')
    byRoster.set(roster, [...(byRoster.get(roster) ?? []), node])
  }
  const largest = [...byRoster.values()].sort((a, b) => b.length - a.length)[0]?.[0]
  if (largest === undefined) throw new Error('nobody belongs to the group')
  return largest
}

function checkTrees(lab: GroupLab, live: readonly LabNode[], size: number): string[] {
  const failed: string[] = []
  const heads = new Set<string>()
  for (const node of live) {
    if (node.group === undefined) {
      failed.push(`${node.name} belongs to the group and was never invited`)
      continue
    }
    const { state, health } = lab.groupOf(node)
    heads.add(state.head)
    const leaves = state.leavesOf(state.head)
    if (leaves === undefined) failed.push(`${node.name} has no state for its head (${health})`)
    else if (leaves.size !== size || [...leaves.keys()].some((device) => !state.roster.members.has(device))) failed.push(`${node.name}: tree and roster differ`)
    if (state.pending.size > 0) failed.push(`${node.name}: ${state.pending.size} entries wait`)
    if (health !== 'active') failed.push(`${node.name} is ${health}`)
  }
  if (heads.size > 1) failed.push(`${heads.size} heads`)
  return failed
}

async function checkMessages({
  nodes,
  live,
  sent,
  failed,
}: {
  nodes: readonly LabNode[]
  live: readonly LabNode[]
  sent: readonly Sent[]
  failed: string[]
}): Promise<{ deliveries: number; attempts: number; lostWithRemoved: number }> {
  let deliveries = 0
  const lostWithRemoved = 0
  let attempts = 0
  for (const { id, text, to, out, payload, author } of sent) {
    for (const name of out) if (to.has(name)) failed.push(`${author.name} encrypted to ${name}, whose removal it knew`)
    for (const node of nodes) {
      const shown = node.shown.get(id)
      if (to.has(node.name)) {
        if (!live.includes(node)) continue
        if (shown === text) deliveries++
        else if (wasRemoved(author, live))
          continue // what somebody says who is taken out meanwhile may be lost with his branch
        else failed.push(`${node.name} has lost "${text}" of ${author.name}`)
        continue
      }
      attempts++
      if (shown !== undefined) failed.push(`${node.name} can read "${text}", which was not for it`)
      await tryAll(node, payload, text, failed)
    }
  }
  return { deliveries, attempts, lostWithRemoved }
}

/** True when anybody has ever ordered that this device go. */
function wasRemoved({ device }: LabNode, live: readonly LabNode[]): boolean {
  return live.some((node) => [...(node.group?.state.orders.values() ?? [])].some(({ order }) => order.op === 'remove' && order.device === device))
}

/** With all the states that a device still has, whatever they are of, nothing must open that was not for it. */
async function tryAll(node: LabNode, payload: Uint8Array, text: string, failed: string[]): Promise<void> {
  const { crypto, engine } = node.deps
  if (node.group === undefined) return
  const { seals, epochs } = node.group.state
  for (const seal of seals.values()) {
    try {
      const { body } = readEntry(crypto, uncover(crypto, seal, payload))
      if (body.type !== 'message') continue
      for (const { state } of epochs.values()) {
        const read = await engine.receive(state, body.message).catch(() => undefined)
        if (read?.kind === 'application') failed.push(`${node.name} opens "${text}" with what it has kept`)
      }
    } catch (error) {
      if (!isMeshError(error)) throw error
    }
  }
}
