export { Intake, type IntakeDeps, type IntakeOptions } from './intake.ts'
export { DEFAULT_RATES, type Rate, type RateLimits, TokenBuckets } from './token-buckets.ts'
export type { IgnoreReason, Origin, Received, Verdict } from './verdict.ts'
