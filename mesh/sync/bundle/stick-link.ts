import { encodeUtf8 } from '#mesh/codec'
import { sha256 } from '#mesh/crypto'
import { deviceIdOf } from '#mesh/ids'

/**
 * The link that everything in bundles comes over, whoever wrote them: a file proves nobody, and quotas and
 * rates that a writer could escape under another name would be none. No device has this key.
 */
export const STICK_LINK = deviceIdOf(sha256(encodeUtf8('qpq stick link 1\0')))
