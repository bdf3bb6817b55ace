export { MAX_QUERY_CHARACTERS, type Span, spansIn } from './query.ts'
export { type Place, SearchIndex } from './search-index.ts'
