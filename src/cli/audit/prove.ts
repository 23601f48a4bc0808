// `gatehouse audit prove`: one event and its proof, in files that can be checked elsewhere; from the files of a log, or from the gateway as somebody who may.

import { resolve } from 'node:path'
import { KeptLog } from '../../adapters/audit/kept-log.ts'
import { leadsToCheckpoint } from '../../audit/proof.ts'
import { act, explain, isSignedIn, type ActAnswer } from '../admin/gateway.ts'
import { text } from '../admin/verb.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { writeAtomic } from '../files.ts'
import { logPlace } from './place.ts'
import { SEQ } from './seq.ts'
import { tellingUsage, UsageError } from '../usage.ts'

type Proven = { readonly seq: number; readonly proof: string; readonly event: string; readonly vkeys: readonly string[] }

export const run = tellingUsage('audit prove', async args => {
  const [which] = args.positionals
  if (which === undefined) throw new UsageError('expected the number or the id of an event')
  const proven = args.text('data-dir') === undefined && (await isSignedIn(args)) ? await asked(args, which) : await found(args, which)
  if (typeof proven === 'number') return proven
  const { seq, proof, event, vkeys } = proven
  const out = args.text('out') ?? `event-${seq}`
  const [proofFile, eventFile] = [`${out}.tlog-proof`, `${out}.json`]
  await writeAtomic(resolve(args.io.cwd, proofFile), proof)
  await writeAtomic(resolve(args.io.cwd, eventFile), event)
  args.io.out(
    args.json
      ? `${JSON.stringify({ seq, proof: proofFile, event: eventFile, vkeys })}\n`
      : `event ${seq}: ${eventFile}, and its proof: ${proofFile}\nwhoever gets both checks them with \`gatehouse audit verify --proof ${proofFile} --event ${eventFile} --key ...\`\n`,
  )
  return EXIT.ok
})

async function found(args: CommandArgs, which: string): Promise<Proven> {
  const log = KeptLog.open((await logPlace(args, args.text('data-dir'))).dir)
  try {
    return { ...log.prove(SEQ.test(which) ? Number(which) : which), vkeys: log.vkeys }
  } finally {
    log.close()
  }
}

/** A number is the exit code of what was told already. */
async function asked(args: CommandArgs, which: string): Promise<Proven | number> {
  const say = (problem: string): number => {
    args.io.err(`gatehouse audit prove: ${problem}\n`)
    return EXIT.failed
  }
  const refused = ({ error }: Extract<ActAnswer, { ok: false }>): number =>
    say(`${text(error.message)}${error.fix === undefined ? '' : `; ${text(error.fix)}`}`)
  try {
    const seq = SEQ.test(which) ? which : await seqOf(args, which)
    if (typeof seq !== 'string') return seq === undefined ? say('there is no such event, or it was just written') : refused(seq)
    const answer = await act(args, 'audit/proof', { seq })
    if (!answer.ok) return refused(answer)
    const { proof, event } = answer.body
    if (typeof event !== 'string') return say(`event ${seq} was removed after the retention time`)
    // The gateway is believed no more than a folder: what is written has to hold.
    if (typeof proof !== 'string' || !leadsToCheckpoint(proof, Buffer.from(event))) return say('what the gateway answered proves nothing')
    const state = await act(args, 'audit/state')
    if (!state.ok) return refused(state)
    return { seq: Number(seq), proof, event, vkeys: state.body['vkeys'] as readonly string[] }
  } catch (error) {
    return explain(args, 'audit prove', error)
  }
}

/** Undefined where there is none. */
async function seqOf(args: CommandArgs, id: string): Promise<string | undefined | Extract<ActAnswer, { ok: false }>> {
  const answer = await act(args, 'audit/search', { id, limit: '1' })
  if (!answer.ok) return answer
  const [event] = answer.body['events'] as readonly { readonly seq: number }[]
  return event && String(event.seq)
}
