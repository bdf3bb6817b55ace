export { agree, begin, type Comparison, isConfirmed, isOver, picturesOf, react } from './comparison.ts'
export type { Emoji } from './emoji.ts'
export { decodeStep, encodeStep, MAX_STEP_BYTES, type Step } from './steps.ts'
