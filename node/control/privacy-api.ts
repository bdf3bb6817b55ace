/** What is protected, as a running node is asked for it. */
export interface PrivacyApi {
  /** What is on, and who sees what, from the configuration and the state of this node now. */
  privacy(): Promise<PrivacyReport>
}

export interface PrivacyReport {
  settings: PrivacySetting[]
  views: PrivacyView[]
}

/** One thing that protects, or does not. */
export interface PrivacySetting {
  /** Bounded, stable: `author-keys`, `padding`, `history`, `passphrase`, `read-receipts`, `typing`, `disappearing`, `verified`, `discovery-lan`, `discovery-dht`, `bridges`, `control-http`. */
  code: string
  /** Whether it is as private as it can be. */
  protects: boolean
  message: string
  /** What can be done about it; absent when nothing has to be. */
  advice?: string
}

/** What somebody learns, and what not. */
export interface PrivacyView {
  who: 'carrier' | 'relay' | 'lan-neighbour' | 'other-person' | 'finder-of-the-disk'
  sees: string[]
  hidden: string[]
}
