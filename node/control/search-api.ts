/** Searching, as a running node is asked for it. */
export interface SearchApi {
  /** Messages that have all words of a query (`soup "new year" wint* in:bob`), the newest first. */
  search(params: { query: string; limit?: number }): Promise<SearchAnswer>
}

/** A message that was found. */
export interface SearchHitInfo {
  id: string
  conversation: string
  from: string
  fromPetname?: string
  direction: 'in' | 'out'
  at: string
  text: string
  /** Where in `text`, in UTF-16 units, in order and without overlaps. */
  hits: [start: number, end: number][]
}

export interface SearchAnswer {
  messages: SearchHitInfo[]
  /** Why there may be more: as many were found as were asked for, the query fits too much to look at all, older messages are still being indexed. */
  incomplete?: { code: 'limit' | 'MESH_SEARCH_TOO_WIDE' | 'building'; message: string; hint: string }
}
