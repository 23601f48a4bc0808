// Reading the registry with a token: where it is not open to anybody.

import { isStop } from '../../kernel/errors.ts'
import { readTexts, type AdminDeps, type Aimed } from '../administration.ts'
import type { Answered, Received, Stage } from '../path.ts'

/** `{view, target}`: the set or '', and path with query from `/v0.1` on. Searches of people are not written down. */
export const aimReadStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['target'], ['view'])
    if (isStop(read)) return read
    const [path = ''] = (read.params['target'] ?? '').split('?', 1)
    return { act: { target: `registry ${path.slice(0, 512)}`, params: read.params } }
  },
}

export const readRegistryStage = (deps: Pick<AdminDeps, 'registry'>): Stage<Received & Aimed, Answered> => ({
  name: 'read-registry',
  run: async ({ act }) => {
    const text = await deps.registry.read(act.params['view'] ?? '', act.params['target'] ?? '')
    return typeof text === 'string' ? { answer: { kind: 'result', result: Buffer.from(text), outcome: 'ok' } } : text
  },
})
