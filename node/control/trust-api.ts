/** Verifying people, as a running node is asked for it. */
export interface TrustApi {
  /**
   * The safety number of two persons, equal on both sides, and what the comparison of pictures has come to. At most one of:
   * `emoji` begins or goes on with that comparison, `confirm` notes that what was compared is equal, `reject` ends it,
   * `scan` compares what the other's screen shows (a code's text, a card link, or the 60 digits), `acknowledge` silences alarms.
   */
  contactVerify(params: VerifyParams): Promise<Verification>
}

export interface VerifyParams {
  who: string
  confirm?: boolean
  emoji?: boolean
  reject?: boolean
  scan?: string
  acknowledge?: boolean
}

export interface Verification {
  person: string
  safetyNumber: string
  verified: boolean
  /** What the other side scans. */
  code: string
  /** `waiting`: for the other side; `asked`: it waits for `emoji` here. */
  comparison: { state: 'none' | 'waiting' | 'asked' | 'ready'; emoji?: Array<{ symbol: string; name: string }> }
  alarms?: TrustAlarmInfo[]
}

/** What has changed about a verified person, until it is acknowledged or the person verified anew. */
export interface TrustAlarmInfo {
  kind: 'new-device' | 'revoked-device' | 'new-keys'
  device?: string
  at: string
}

/** What is watched about trust: steps of a comparison, and alarms. `forged`: what was revealed is not what was promised, so somebody may sit between. */
export interface TrustEvent {
  event: 'trust'
  person: string
  petname?: string
  what: 'asked' | 'ready' | 'cancelled' | 'forged' | TrustAlarmInfo['kind']
}
