export { BoundedDatastore } from './bounded-datastore.ts'
export { LanDht } from './lan-dht.ts'
export { PeopleFinder, type PeopleFinderDeps } from './people-finder.ts'
