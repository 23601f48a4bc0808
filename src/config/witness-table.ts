// The settings of the audit log: its name, and who else signs what it says of itself. Part of audit-table.ts.

import { isKeyName, readVkey } from '../audit/note.ts'
import { isLoopback, urlOf } from './addresses.ts'
import { list, optional, record } from './fields.ts'
import { text } from './scalars.ts'

function urlProblem(value: string): string | undefined {
  const url = urlOf(value)
  if (url?.search !== '' || url.hash !== '' || url.username !== '') return 'expected a URL without a query'
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))) return undefined
  return 'expected https, or http on this machine'
}

function keyProblem(value: string): string | undefined {
  const key = readVkey(value)
  if (typeof key === 'string') return key
  return key.type === 0x04 ? undefined : 'expected the key of a witness, as `gatehouse witness` prints it'
}

const witness = record(
  {
    url: text({ what: 'a URL', problem: urlProblem, doc: 'where it takes checkpoints, as it prints it' }),
    key: text({ what: 'a verifier key', problem: keyProblem, doc: 'its key, as it prints it' }),
  },
  { doc: 'a witness (docs/audit.md)' },
)

export const origin = optional(
  text({
    what: 'a name',
    maxLength: 255,
    problem: value => (isKeyName(value) ? undefined : 'expected no spaces and no plus signs'),
    doc: 'name of this log in its checkpoints, such as `gatehouse.example.com/1`; each replica has its own, and a log keeps it: another one needs `gatehouse audit begin`, and one that ended is never used again; default: made at the first start',
  }),
)

export const witnesses = list(witness, {
  max: 8,
  fallback: [],
  doc: 'who signs, on other machines, that the log only grew. Nothing waits for them',
})
