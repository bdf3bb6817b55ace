/**
 * Set reconciliation: two nodes find out which envelope ids only one of them has, for 18 bytes a difference instead
 * of 8 bytes an id. It knows neither links nor envelopes; the session of `mesh/sync` carries its messages.
 *
 * *Items.* A 32-byte id becomes a 64-bit item by SipHash under a key (`crypto/siphash.ts`) that the side which begins has
 * drawn at random for the day, so nobody can choose ids in advance that make its items collide.
 *
 * *Symbols* (Yang, Gilad, Alizadeh: "Practical Rateless Set Reconciliation", SIGCOMM 2024). Each item takes part in
 * an endless row of symbols, in symbol i with probability 1/(1+i/2) (`mapping.ts`). A symbol is the XOR of its items,
 * the XOR of their checks, and their number. Symbols can be subtracted: those of one set minus those of another are
 * the symbols of the difference. The first of them, about 1.4 for each difference, tell all of it, however large the
 * sets are and without knowing beforehand how much differs (`decoder.ts`). Since they do not depend on the receiver,
 * they are made once and kept up to date as envelopes come and go (`sketch.ts`), and since they add up, days are kept
 * apart and served together (`symbol-stream.ts`, `scope-index.ts`).
 *
 * *An exchange* (`messages.ts`, `initiator.ts`, `responder.ts`): one digest of everything, and mostly that is all
 * (`digest.ts`). Then one for each day, to leave out those that are equal. Then symbols of the others in frames of 64,
 * as many as the answering side asks for; it estimates from the first two frames how many there must be. Where
 * symbols are not worth it, or do not come out even, the plain list of items (`plan.ts`).
 *
 *     A  OPEN ──▶                     B hashes its ids with A's key and compares
 *        ◀── SAME | DAYS
 *     A  PLAN, SYMBOLS, SYMBOLS ──▶   B takes its own symbols off and looks for single items
 *        ◀── CREDIT | DONE, ASK … | LIST
 *     A  SYMBOLS … | ITEMS … ──▶
 *
 * *Afterwards* B knows both differences: it asks for A's by item (ASK; A finds them with `find`) and offers its own.
 * When hashing costs B too much at the moment it answers BUSY, and nothing is known. The naive twin (`naive-twin.ts`) says the same in slow and obvious code; `vectors.json` is what another
 * implementation must do alike.
 *
 * *Bounds.* A liar can waste one hashing of our ids for each OPEN (limit how often), then at most 32,768 symbols with
 * 16 bytes of memory each, then a list of what it claimed, paid for byte by byte. It can make us ask for what does
 * not exist or offer what it has: that is all that a set it made up would do as well.
 */
export { Initiator } from './initiator.ts'
export { NO_SLOT } from './item-set.ts'
export { encodeBusy, keyOfOpen } from './messages.ts'
export { type Differences, Responder, type ResponderDeps } from './responder.ts'
export { ALL_DAYS, dayOf, type ItemPlace, ScopeIndex } from './scope-index.ts'
export { BATCH_ITEMS, encodeItems, readItems } from './wire.ts'
