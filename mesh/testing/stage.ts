import type { MessageView } from '#mesh/conversations'
import type { Envelope, EnvelopeKind } from '#mesh/envelope'
import { type ErrorCode, isMeshError } from '#mesh/errors'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { fakeCrypto } from './fake-crypto.ts'
import { befriend, carried, type MeshPerson, type MeshPersonOptions, meshPerson } from './mesh-people.ts'

const crypto = fakeCrypto()

/** The people of one test: one clock for all who bring none of their own, and all of them stop with it. */
export class Stage {
  readonly clock: FakeClock = fakeClock()
  #present: MeshPerson[] = []

  /** Builds and starts a person. */
  async start(name: string, options: Partial<MeshPersonOptions> = {}): Promise<MeshPerson> {
    const person = await meshPerson(name, { clock: this.clock, crypto, ...options })
    this.#present.push(person)
    return person
  }

  /** Two who have added each other. */
  async friends(): Promise<[MeshPerson, MeshPerson]> {
    const [a, b] = [await this.start('alice'), await this.start('bob')]
    await befriend(this.clock, a, b)
    return [a, b]
  }

  /** The same person on the same disk, unless told otherwise. */
  async restart(person: MeshPerson, options: Partial<MeshPersonOptions> = {}): Promise<MeshPerson> {
    this.#present = this.#present.filter((other) => other !== person)
    await person.stop()
    return this.start(person.name, { level: person.level, ...options })
  }

  async stop(): Promise<void> {
    for (const person of this.#present) await person.stop()
  }
}

/** Tells envelopes to a person's inbox. */
export function isTo(person: MeshPerson, kind: EnvelopeKind = 'inbox'): (envelope: Envelope) => boolean {
  return (envelope) => envelope.kind === kind && envelope.address === person.conversations.ownInbox
}

/** The receipts by a person that a person carries; one's own by default. */
export function receiptsBy(person: MeshPerson, carrier: MeshPerson = person): Promise<Envelope[]> {
  return carried(carrier, isTo(person, 'receipt'))
}

/** One person blocks another. */
export async function block(by: MeshPerson, whom: MeshPerson): Promise<void> {
  await by.db.transaction((tx) => by.contacts.update(tx, whom.keys.person, { state: 'blocked' }))
}

/** For `assert.rejects`: an error of this code. */
export function refused(code: ErrorCode): (error: unknown) => boolean {
  return (error) => isMeshError(error, code)
}

export function textsOf(views: readonly MessageView[]): string[] {
  return views.map(({ text }) => text)
}

export function statesOf(views: readonly MessageView[]): string[] {
  return views.map(({ state }) => state)
}
