export { type DialView, type DoctorFacts, type DoctorInterface, diagnose } from './doctor.ts'
export { interfaceFacts } from './interface-facts.ts'
export { describePrivacy } from './privacy.ts'
