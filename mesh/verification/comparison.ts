/**
 * Comparing seven pictures instead of sixty digits: a short authentication string as in ZRTP and Matrix.
 *
 * ```
 * A  ─ start:  session, H(A's ephemeral key) ─▶  B      A is bound before he sees B's key,
 * A  ◀─ answer: B's ephemeral key ────────────── B      B chooses without having seen A's,
 * A  ─ reveal: A's ephemeral key ─────────────▶  B      B checks it against the hash
 * ```
 * Both derive 42 bits from the shared secret, both ephemeral keys, both persons, both devices and the session. Who sits
 * between has to give his key to both before he knows what will be compared, so grinding keys, of persons or ephemeral
 * ones, helps nothing: a try succeeds once in 2^42, and each try needs two people who compare. Every step travels in
 * a sealed message and may take days.
 *
 * A state and an input give the next state and what to send; nothing here keeps anything.
 */
import { concatBytes, encodeUtf8, equalBytes } from '#mesh/codec'
import { hkdfSha256, sha256 } from '#mesh/crypto'
import { type DeviceId, deviceKeyOf, type PersonId, personKeyOf } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'
import { EMOJI, type Emoji } from './emoji.ts'
import { SESSION_BYTES, type Step } from './steps.ts'

/** Who compares: a person with the device in use. */
export interface Party {
  readonly person: PersonId
  readonly device: DeviceId
}

/** How far a comparison has come; never changed in place. */
export type Comparison =
  /** Ours; the other side has not answered. */
  | { readonly phase: 'started'; readonly session: Uint8Array; readonly sinceMs: number; readonly secret: Uint8Array }
  /** Theirs; nobody here has agreed yet. */
  | { readonly phase: 'asked'; readonly session: Uint8Array; readonly sinceMs: number; readonly commitment: Uint8Array; readonly device: DeviceId }
  /** Theirs, and we have sent our key. */
  | {
      readonly phase: 'answered'
      readonly session: Uint8Array
      readonly sinceMs: number
      readonly secret: Uint8Array
      readonly commitment: Uint8Array
      readonly device: DeviceId
    }
  /** Both know the pictures; seven numbers below 64. Kept after it was confirmed here, since the other side may still say that they differ. */
  | {
      readonly phase: 'ready'
      readonly session: Uint8Array
      readonly sinceMs: number
      readonly pictures: Uint8Array
      readonly device: DeviceId
      readonly isConfirmed?: true
    }

/** What a step of the other side leads to. */
export type Reaction =
  | { readonly kind: 'ignore' }
  | { readonly kind: 'next'; readonly comparison: Comparison; readonly send?: Step }
  /** `cancelled`: the other side did not agree. `forged`: what was revealed is not what was promised: somebody may sit between. */
  | { readonly kind: 'end'; readonly why: 'cancelled' | 'forged' }

/** A comparison that takes longer than this is over, ms: a day, since messages may be carried. */
export const COMPARISON_MS = 86_400_000
/** Pictures that are compared: 42 bits. */
export const PICTURES = 7
const SECRET_BYTES = 32
const COMMITMENT = encodeUtf8('qpq comparison commitment 1\0')
const LABEL = 'qpq comparison 1'

/** Begins one: the state, and what to send. `random` gives as many unpredictable bytes as asked for. */
export function begin(crypto: Crypto, random: (bytes: number) => Uint8Array, self: Party, nowMs: number): { comparison: Comparison; send: Step } {
  const session = random(SESSION_BYTES)
  const secret = random(SECRET_BYTES)
  const value = commitmentTo(crypto.x25519PublicKey(secret), session, self)
  return { comparison: { phase: 'started', session, sinceMs: nowMs, secret }, send: { kind: 'start', session, value } }
}

/** Agrees to one that the other side began. */
export function agree(crypto: Crypto, random: (bytes: number) => Uint8Array, asked: Comparison & { phase: 'asked' }): { comparison: Comparison; send: Step } {
  const secret = random(SECRET_BYTES)
  const { session } = asked
  return { comparison: { ...asked, phase: 'answered', secret }, send: { kind: 'answer', session, value: crypto.x25519PublicKey(secret) } }
}

/** Takes a step of `other`, whose authorship is proven. When both began at once, that of the smaller person counts. */
export function react(crypto: Crypto, comparison: Comparison | undefined, step: Step, self: Party, other: Party, nowMs: number): Reaction {
  const current = comparison === undefined || isOver(comparison, nowMs) ? undefined : comparison
  if (step.kind === 'start') {
    const gives = current === undefined || isConfirmed(current) || current.phase === 'asked' || (current.phase === 'started' && other.person < self.person)
    if (!gives) return { kind: 'ignore' }
    return { kind: 'next', comparison: { phase: 'asked', session: step.session, sinceMs: nowMs, commitment: step.value, device: other.device } }
  }
  if (current === undefined || !equalBytes(current.session, step.session)) return { kind: 'ignore' }
  if (step.kind === 'cancel') return { kind: 'end', why: 'cancelled' }
  if (step.kind === 'answer' && current.phase === 'started') return answered(crypto, current, step.value, self, other)
  if (step.kind === 'reveal' && current.phase === 'answered' && current.device === other.device) return revealed(crypto, current, step.value, self, other)
  return { kind: 'ignore' }
}

/** True when a comparison has taken too long. */
export function isOver({ sinceMs }: Comparison, nowMs: number): boolean {
  return Math.abs(nowMs - sinceMs) > COMPARISON_MS // a clock that was set back ends it too
}

/** True when somebody here has found the pictures to be the same. */
export function isConfirmed(comparison: Comparison): boolean {
  return comparison.phase === 'ready' && comparison.isConfirmed === true
}

/** The pictures of numbers below 64. */
export function picturesOf(numbers: Uint8Array): Emoji[] {
  return Array.from(numbers, (number) => EMOJI[number]).filter((emoji) => emoji !== undefined)
}

type Of<P extends Comparison['phase']> = Comparison & { readonly phase: P }

function answered(crypto: Crypto, { session, sinceMs, secret }: Of<'started'>, theirs: Uint8Array, self: Party, other: Party): Reaction {
  const ours = crypto.x25519PublicKey(secret)
  const shared = crypto.x25519(secret, theirs)
  if (shared === undefined) return { kind: 'end', why: 'forged' }
  const pictures = numbersOf(shared, session, [self, ours], [other, theirs])
  return { kind: 'next', comparison: { phase: 'ready', session, sinceMs, pictures, device: other.device }, send: { kind: 'reveal', session, value: ours } }
}

function revealed(crypto: Crypto, { session, sinceMs, secret, commitment }: Of<'answered'>, theirs: Uint8Array, self: Party, other: Party): Reaction {
  const shared = equalBytes(commitmentTo(theirs, session, other), commitment) ? crypto.x25519(secret, theirs) : undefined
  if (shared === undefined) return { kind: 'end', why: 'forged' }
  const pictures = numbersOf(shared, session, [other, theirs], [self, crypto.x25519PublicKey(secret)])
  return { kind: 'next', comparison: { phase: 'ready', session, sinceMs, pictures, device: other.device } }
}

function commitmentTo(key: Uint8Array, session: Uint8Array, by: Party): Uint8Array {
  return sha256(COMMITMENT, session, nameOf(by), key)
}

/** Who began stands first, so both sides derive the same. */
function numbersOf(shared: Uint8Array, session: Uint8Array, first: readonly [Party, Uint8Array], second: readonly [Party, Uint8Array]): Uint8Array {
  const context = concatBytes(session, nameOf(first[0]), first[1], nameOf(second[0]), second[1])
  return hkdfSha256(shared, LABEL, context, PICTURES).map((byte) => byte & 63)
}

function nameOf({ person, device }: Party): Uint8Array {
  return concatBytes(personKeyOf(person), deviceKeyOf(device))
}
