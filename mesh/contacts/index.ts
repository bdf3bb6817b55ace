export type { Contact, ContactState } from './contact.ts'
export { Contacts, type ContactsDeps, MAX_REQUESTS } from './contacts.ts'
