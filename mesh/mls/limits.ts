/**
 * Bounds of the engine. All are checked before anything is decoded or derived, because the package under
 * it has none: a commit of 40,000 proposals, or a tree of half a million blanks, would keep it busy for minutes.
 */

/** Leaves that a group may have, blank ones included. A Welcome for 512 members is about 250 kB. */
export const MAX_LEAVES = 512
/** Members of a group with a post-quantum suite: its Welcome takes 2 kB for each member. */
export const MAX_POST_QUANTUM_MEMBERS = 50
/** Bytes of a Welcome with its tree: 512 leaves of some 500 bytes, and their parents. */
export const MAX_WELCOME_BYTES = 524_288
/** Bytes of a commit or proposal: the first update in a group of 512 members takes about 50 kB, 50 post-quantum ones 60 kB. */
export const MAX_HANDSHAKE_BYTES = 262_144
/** Bytes of an application message: what fits into one envelope (DESIGN §6). */
export const MAX_APPLICATION_BYTES = 65_407
/** Bytes of a key package: X-Wing makes 3 kB, and nobody needs more than a few extensions. */
export const MAX_KEY_PACKAGE_BYTES = 16_384
/** Bytes of a stored state: 512 members with X-Wing path keys and open generations. */
export const MAX_STATE_BYTES = 8_388_608
/** Proposals in one commit, and proposals that wait for one; the package compares each with each. */
export const MAX_PROPOSALS = 256
/** Pre-shared keys in one commit or Welcome; each costs three key derivations. */
export const MAX_PSKS = 16
/** Messages of one sender and epoch that may be missing before a later one: each costs a derivation, all together about 50 ms. */
export const MAX_SKIPPED_GENERATIONS = 1024
