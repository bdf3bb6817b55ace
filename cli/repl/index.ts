export { Place } from './place.ts'
export { openTerminal, type Terminal } from './terminal.ts'
