export { Bell } from './bell.ts'
export { type Runnable, startAll } from './runnable.ts'
export { spawn, type Task } from './task.ts'
