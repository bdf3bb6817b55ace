/** Who is in reach of whom at the moment, and what changes when something happens. */
import type { Action } from './plan.ts'

/** A pair, the smaller number first. */
export type Pair = readonly [number, number]

/** Pairs that come into reach and that go out of it. */
export interface Change {
  readonly added: readonly Pair[]
  readonly removed: readonly Pair[]
}

/** See the head of this file. */
export class Reach {
  /** How many contacts say that two are in reach of each other. */
  readonly #contacts = new Map<string, { pair: Pair; count: number }>()
  #halves: readonly boolean[] | undefined
  #open = new Map<string, Pair>()

  /** Takes in what happened; says what that changes. */
  apply(action: Extract<Action, { kind: 'meet' | 'part' | 'halves' }>): Change {
    if (action.kind === 'halves') this.#halves = action.halves
    else this.#count(action.a, action.b, action.kind === 'meet' ? 1 : -1)
    return this.#change()
  }

  /** Nothing is cut off any more, and these are in reach of each other. */
  settle(pairs: readonly Pair[]): Change {
    this.#halves = undefined
    this.#contacts.clear()
    for (const [a, b] of pairs) this.#count(a, b, 1)
    return this.#change()
  }

  #count(a: number, b: number, by: 1 | -1): void {
    const pair: Pair = a < b ? [a, b] : [b, a]
    const key = pair.join(' ')
    const contact = this.#contacts.get(key) ?? { pair, count: 0 }
    contact.count += by
    this.#contacts.set(key, contact)
  }

  #change(): Change {
    const halves = this.#halves
    const open = new Map<string, Pair>()
    for (const [key, { pair, count }] of this.#contacts) {
      if (count > 0 && (halves === undefined || halves[pair[0]] === halves[pair[1]])) open.set(key, pair)
    }
    const before = this.#open
    this.#open = open
    return {
      added: [...open].filter(([key]) => !before.has(key)).map(([, pair]) => pair),
      removed: [...before].filter(([key]) => !open.has(key)).map(([, pair]) => pair),
    }
  }
}
