// A gateway's stand-in for process.test.ts: starts the evaluation provider of argv[2] on port argv[3], prints its pid, waits to be killed.

import { loadConfig } from '../../src/config/load.ts'
import { spawnEvaluationProvider } from '../../src/evaluation/spawn.ts'

const loaded = await loadConfig(process.argv[2] ?? '', { env: {} })
if (!loaded.ok || !loaded.snapshot.evaluation) throw new Error('no evaluation provider configured')
const evaluation = { ...loaded.snapshot.evaluation, port: Number(process.argv[3]) }
const child = await spawnEvaluationProvider({ ...loaded.snapshot, evaluation }, { onLine: () => {} })
process.stdout.write(String(child.pid))
setInterval(() => {}, 1000)
