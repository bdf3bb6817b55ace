import { type Certificate, isAuthorBound, readCertificate } from '#mesh/identity'
import type { DeviceId } from '#mesh/ids'
import { encodeBase64url } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'

/** Certificates, and as many author keys, that are remembered: about 1 KB each. */
const MAX_PROVEN = 256

/**
 * What was proven lately by a signature: a person's messages all bring the same certificate and the same binding, and
 * checking both costs twice what checking the envelope does. Only the very same bytes count as proven; whether a
 * certificate is still valid is asked for each message.
 */
export class Proven {
  readonly #crypto: Crypto
  readonly #certificates = new Map<string, Certificate>()
  readonly #bindings = new Map<string, true>()

  constructor(crypto: Crypto) {
    this.#crypto = crypto
  }

  /** As `readCertificate`. @throws MeshError `MESH_CERTIFICATE_INVALID` (peer) */
  certificate(bytes: Uint8Array): Certificate {
    const key = encodeBase64url(bytes)
    const known = this.#certificates.get(key)
    if (known !== undefined) return known
    const certificate = readCertificate(this.#crypto, bytes)
    remember(this.#certificates, key, certificate)
    return certificate
  }

  /** As `isAuthorBound`. */
  isAuthorBound(device: DeviceId, author: Uint8Array, recipientInboxKey: Uint8Array, binding: Uint8Array): boolean {
    const key = [device, ...[author, recipientInboxKey, binding].map(encodeBase64url)].join(' ')
    if (this.#bindings.has(key)) return true
    const isBound = isAuthorBound(this.#crypto, device, author, recipientInboxKey, binding)
    if (isBound) remember(this.#bindings, key, true)
    return isBound
  }
}

/** Forgets the oldest one when there are too many. */
function remember<T>(proven: Map<string, T>, key: string, value: T): void {
  proven.set(key, value)
  if (proven.size <= MAX_PROVEN) return
  for (const oldest of proven.keys()) {
    proven.delete(oldest)
    return
  }
}
