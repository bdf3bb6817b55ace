/**
 * The tree of a group's epochs: each commit is a child of the epoch that it leaves, and nothing orders two children.
 *
 * All of them can be read by whoever held the parent; only sending needs one head. The head is found by walking down
 * from the root (GROUPS §7.4, R2): at each fork to the child with the most members beneath it, then to the one whose
 * commit does what is most urgent, then to the one with the smaller hash. No clocks, no lengths: neither can be forged.
 */
import type { DeviceId } from '#mesh/ids'
import type { CommitClass } from './body.ts'
import type { EpochId } from './ids.ts'

/** One epoch, as all who know its commit see it. */
export interface EpochNode {
  readonly id: EpochId
  /** Absent for the first one. */
  readonly parent: EpochId | undefined
  readonly class: CommitClass
  /** SHA-256 of the commit, hex. */
  readonly hash: string
  readonly author: DeviceId
  /** Its commit breaks the rules: it has no children that count. */
  readonly isBad: boolean
}

/** See the head of this file. */
export class EpochTree {
  readonly #nodes = new Map<EpochId, EpochNode>()
  readonly #children = new Map<EpochId, EpochId[]>()

  get(id: EpochId): EpochNode | undefined {
    return this.#nodes.get(id)
  }

  has(id: EpochId): boolean {
    return this.#nodes.has(id)
  }

  nodes(): Iterable<EpochNode> {
    return this.#nodes.values()
  }

  put(node: EpochNode): void {
    const { id, parent } = node
    if (!this.#nodes.has(id) && parent !== undefined) this.#children.set(parent, [...(this.#children.get(parent) ?? []), id])
    this.#nodes.set(id, node)
  }

  /** Forgets an epoch; its children stay. */
  drop(id: EpochId): void {
    const parent = this.#nodes.get(id)?.parent
    if (parent !== undefined)
      this.#children.set(
        parent,
        (this.#children.get(parent) ?? []).filter((child) => child !== id),
      )
    this.#nodes.delete(id)
  }

  /** True when `id` is `root` or comes after it. */
  isUnder(id: EpochId | undefined, root: EpochId): boolean {
    for (let at = id; at !== undefined; at = this.#nodes.get(at)?.parent) if (at === root) return true
    return false
  }

  /** From `id` back to the first epoch that is known, both included. */
  *path(id: EpochId): Iterable<EpochId> {
    for (let at: EpochId | undefined = id; at !== undefined; at = this.#nodes.get(at)?.parent) yield at
  }

  /**
   * The head, when members stand at `positions`. A commit in `blocked` cannot be followed here: perhaps its author
   * cheated this device alone, perhaps everybody. It counts when more members stand beneath it, its author aside, than
   * stayed before it.
   */
  headFrom(root: EpochId, positions: ReadonlyMap<DeviceId, EpochId>, blocked: ReadonlySet<EpochId> = new Set()): EpochId {
    const weights = new Map<EpochId, number>()
    const stayed = new Map<EpochId, number>()
    for (const position of positions.values()) {
      stayed.set(position, (stayed.get(position) ?? 0) + 1)
      for (const id of this.path(position)) weights.set(id, (weights.get(id) ?? 0) + 1)
    }
    const weightOf = (id: EpochId): number => weights.get(id) ?? 0
    const counts = ({ id, isBad, author }: EpochNode, parent: EpochId): boolean => {
      if (isBad) return false
      if (!blocked.has(id)) return true
      const own = this.isUnder(positions.get(author), id) ? 1 : 0
      return weightOf(id) - own > (stayed.get(parent) ?? 0)
    }
    let head = root
    for (;;) {
      const at = head
      const children = (this.#children.get(at) ?? []).flatMap((id) => this.#nodes.get(id) ?? []).filter((child) => counts(child, at))
      const best = children.reduce<EpochNode | undefined>(
        (chosen, child) => (chosen === undefined || isBetter(child, chosen, weightOf) ? child : chosen),
        undefined,
      )
      if (best === undefined) return head
      head = best.id
    }
  }
}

function isBetter(a: EpochNode, b: EpochNode, weightOf: (id: EpochId) => number): boolean {
  const order = weightOf(b.id) - weightOf(a.id) || a.class - b.class
  return order < 0 || (order === 0 && (a.hash < b.hash || (a.hash === b.hash && a.id < b.id)))
}
