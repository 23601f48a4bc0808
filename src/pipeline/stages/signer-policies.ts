// Who may sign for namespaces, as acts: read, and proposed. Staging what was approved is a change (administer-changes.ts); what counts is signed elsewhere.

import { LOCAL_ISSUER } from '../../administration/break-glass.ts'
import { isStop, type Stop } from '../../kernel/errors.ts'
import { member, rawOf, textOf } from '../../mcp/json.ts'
import { adminAnswer, type AdminDeps, type Aimed } from '../administration.ts'
import type { Answered, Authenticated, Received, Stage } from '../path.ts'

type Deps = { readonly registry: Pick<AdminDeps['registry'], 'namespaces' | 'signers'> }
/** The policy's bytes as they came. */
type Proposing = Aimed & { readonly signer: { readonly namespace: string; readonly policy: string } }

const MAX_WHY = 4096
const invalid = (detail: string): Stop => ({ stop: 'params-invalid', detail })

/** A publisher sees those of namespaces he is a member of: who else publishes is nobody's business but theirs. */
export const listSignersStage = (deps: Deps & Pick<AdminDeps, 'rolesOf'>): Stage<Received & Authenticated, Answered> => ({
  name: 'list-signers',
  run: async ({ principal }) => {
    const read = await deps.registry.signers.read()
    if (isStop(read)) return read
    const { policies, proposed } = read
    const own = deps.rolesOf(principal)
    const isAll =
      principal.issuer === LOCAL_ISSUER || own.has('operator') || own.has('auditor') || own.has('policy-author') || own.has('approver')
    // Whoever approves a digest sees what it is of.
    if (isAll) return adminAnswer({ policies, proposed: proposed.map(each => ({ ...each, policy: JSON.parse(each.policy) as unknown })) })
    const all = await deps.registry.namespaces.list()
    const mine = new Set(
      all.filter(({ members }) => members.some(each => each.principal === principal.key)).map(({ name }) => name.toLowerCase()),
    )
    return adminAnswer({ policies: policies.filter(({ namespace }) => mine.has(namespace.toLowerCase())) })
  },
})

/** `{namespace, policy, why}` */
export const aimSignerStage: Stage<Received, Proposing> = {
  name: 'aim',
  run: ({ doc, params }) => {
    const [namespace, policy, why] = ['namespace', 'policy', 'why'].map(key => member(params, key))
    if (!doc || namespace?.kind !== 'string' || policy?.kind !== 'object' || why?.kind !== 'string' || params?.members?.length !== 3)
      return invalid('expected `namespace` and `why` as texts and `policy` as an object')
    const text = textOf(doc, why)
    if (text === '' || text.length > MAX_WHY || /[\x00-\x1f\x7f]/.test(text)) return invalid('expected `why` as a text in one line')
    const name = textOf(doc, namespace)
    const signer = { namespace: name, policy: rawOf(doc, policy).toString('utf8') }
    return { act: { target: `signer of ${name.slice(0, 200)}`, params: { why: text } }, signer }
  },
}

/** Keeps what is to be approved, so that whoever approves a digest approves these bytes. Adds the target of the change. */
export const keepSignerStage = (deps: Deps): Stage<Received & Authenticated & Proposing, Aimed> => ({
  name: 'keep-signer',
  effect: true,
  run: async ({ act, signer }) => {
    if (!(await deps.registry.namespaces.find(signer.namespace))) return { stop: 'registry-unknown', detail: 'there is no such namespace' }
    const kept = await deps.registry.signers.keep(signer.namespace, signer.policy)
    return isStop(kept) ? kept : { act: { ...act, params: { ...act.params, target: `${kept.namespace} ${kept.digest}` } } }
  },
})
