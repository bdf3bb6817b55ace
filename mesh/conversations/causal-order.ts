import { compareStamps, type Stamp } from '#mesh/envelope'
import type { EnvelopeId } from '#mesh/ids'

/** What order needs to know of a message. */
export interface Ordered {
  readonly id: EnvelopeId
  readonly stamp: Stamp
  readonly parents: readonly EnvelopeId[]
}

/**
 * Messages so that none comes before one it follows; otherwise by stamp and id. What a message follows is
 * drawn before it, when a clock that was ahead has stamped it too late. The same for everybody who has
 * the same messages, in whatever order they arrived. Parents that are not among them are passed over; a
 * circle, which nobody can make (an id is a hash over the parents), ends all the same.
 */
export function causalOrder<T extends Ordered>(messages: readonly T[]): T[] {
  const sorted = [...messages].sort(byStamp)
  const waiting = new Map(sorted.map((message) => [message.id, message]))
  const ordered: T[] = []
  for (const start of sorted) {
    // Depth first without recursion: a chain of parents can be as long as the conversation.
    const path = [start]
    const entered = new Set<EnvelopeId>()
    for (let message = path.at(-1); message !== undefined; message = path.at(-1)) {
      const next = entered.has(message.id)
        ? undefined
        : message.parents.map((id) => waiting.get(id)).filter((parent) => parent !== undefined && !entered.has(parent.id))
      entered.add(message.id)
      if (next !== undefined && next.length > 0) path.push(...(next as T[]).sort(byStamp).reverse())
      else {
        path.pop()
        if (waiting.delete(message.id)) ordered.push(message)
      }
    }
  }
  return ordered
}

function byStamp(a: Ordered, b: Ordered): number {
  return compareStamps(a.stamp, b.stamp) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
