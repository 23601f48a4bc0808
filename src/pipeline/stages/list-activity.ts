// What passed and what was refused within the last hour, as an act: numbers by minute, nothing of anybody.

import { adminAnswer, type AdminDeps } from '../administration.ts'
import type { Answered, Received, Stage } from '../path.ts'

export const listActivityStage = (deps: Pick<AdminDeps, 'activity'>): Stage<Received, Answered> => ({
  name: 'list-activity',
  run: () => adminAnswer(deps.activity()),
})
