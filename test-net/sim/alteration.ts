import type { Crypto, Link } from '#mesh/ports'
import type { Carriage } from '../../node/compose/carriage.ts'

/** What a machine does otherwise than a good one: a build that is broken on purpose, or an attacker. */
export interface Alteration {
  readonly crypto?: (crypto: Crypto) => Crypto
  /** Changes the parts after they were put together and before they start. */
  readonly carriage?: (carriage: Carriage) => void
  /** Stands between the exchange and a link. */
  readonly link?: (link: Link) => Link
}
