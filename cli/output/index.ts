export { alarmLines, callName, clockTime, duration, eventLines, messageLines, placeOf, printLines, shortId, size } from './events.ts'
export { EXIT, exitCodeOf, failureLine, usageError } from './failure.ts'
export { ProgressLine } from './progress.ts'
export { jsonLine, plain, plainLines, Sink, type Span, type Style, type Writable } from './sink.ts'
