/**
 * The primitives the protocol is built from. Every implementation gives the same bytes and the same
 * verdicts: `mesh/crypto` holds a portable one and the contract suite, `node/crypto` the fast ones.
 *
 * Verification is RFC 8032 without cofactor, and strict as libsodium is: S < L, no small-order A or R,
 * canonical A. Two nodes that disagreed about one signature would disagree about an envelope for ever.
 */
export interface Crypto {
  /** Which library does the work, for `status` and benchmarks. */
  readonly name: string
  /** The Ed25519 public key (32 bytes) of a 32-byte seed. */
  ed25519PublicKey(seed: Uint8Array): Uint8Array
  /** An Ed25519 signature (64 bytes) by a 32-byte seed. */
  ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array
  /** Strict Ed25519 verification; wrong lengths and bad keys are `false`, never an exception. */
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** The X25519 public key (32 bytes) of a 32-byte secret. */
  x25519PublicKey(secret: Uint8Array): Uint8Array
  /** X25519; `undefined` when the result is all zero (RFC 7748 §6.1), so that nobody uses it by mistake. */
  x25519(secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined
  /** ChaCha20-Poly1305 (RFC 8439): ciphertext ‖ 16-byte tag. Key 32 bytes, nonce 12 bytes. */
  aeadSeal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array
  /** The plaintext, or `undefined` when the tag does not fit. */
  aeadOpen(key: Uint8Array, nonce: Uint8Array, ciphertext: Uint8Array, associated: Uint8Array): Uint8Array | undefined
}
