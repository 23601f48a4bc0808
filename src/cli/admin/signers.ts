// The verbs of who decides whose a namespace is and who signs for it: reassigning one, proposing a signer, reading who signs.

import { resolve } from 'node:path'
import { Fault } from '../../kernel/errors.ts'
import type { CommandArgs } from '../command.ts'
import { readIfThere } from '../files.ts'
import { act, send, type ActAnswer } from './gateway.ts'
import { changeText, records, table, text, verb, WHY } from './verb.ts'

const MAX_BYTES = 65_536

export const reassignNamespace = verb({
  command: 'namespace reassign',
  run(args) {
    const [namespace, ...owner] = args.positionals
    const why = args.text('why')
    if (namespace === undefined || owner.length === 0) return 'expected a namespace and its new owner'
    return why === undefined ? WHY : act(args, 'namespaces/reassign', { target: `${namespace} ${owner.join(' ')}`, why })
  },
  tell: changeText,
})

export const proposeSigner = verb({
  command: 'namespace signer',
  run(args) {
    const [namespace, file] = args.positionals
    const why = args.text('why')
    if (namespace === undefined || file === undefined) return 'expected a namespace and a file with its signer policy'
    return why === undefined ? WHY : proposed(args, { namespace, file, why })
  },
  tell: changeText,
})

async function proposed(
  args: CommandArgs,
  { namespace, file, why }: Readonly<Record<'namespace' | 'file' | 'why', string>>,
): Promise<ActAnswer> {
  const found = await readIfThere(resolve(args.io.cwd, file), MAX_BYTES)
  if (!found) throw new Fault('file-missing', `\`${file}\` is not there`)
  let policy: unknown
  try {
    policy = JSON.parse(found.bytes.toString('utf8'))
  } catch {
    throw new Fault('file-invalid', `\`${file}\` is no JSON`)
  }
  return act(args, 'namespaces/signer', { namespace, policy, why })
}

export const listSigners = verb({
  command: 'registry signers',
  run: args => send(args, '/v1/signer-policies'),
  tell: ({ policies, proposed: waiting }) => {
    const rows = (all: unknown, state: string): string[][] =>
      records(all).map(each => [text(each['namespace']), state, wordsOf(each['policy']), text(each['digest'])])
    return table(
      ['namespace', 'state', 'who signs', 'digest'],
      [...rows(policies, 'in force'), ...rows(waiting, 'proposed')],
      'the policies name nobody\n',
    )
  },
})

/** How many keys, or which identities. */
function wordsOf(policy: unknown): string {
  const { mode, keys, identities } = (policy ?? {}) as Record<string, unknown>
  if (mode === 'key') return `${records(keys).length} ${records(keys).length === 1 ? 'key' : 'keys'}`
  return records(identities)
    .map(each => `${text(each['san'] ?? each['sanPattern'])} of ${text(each['issuer'])}`)
    .join(', ')
}
