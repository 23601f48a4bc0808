// What the verbs of administration share: one act each, told in words or as JSON.

import { neutral } from '../../kernel/neutral-json.ts'
import { EXIT, type CommandArgs, type CommandModule } from '../command.ts'
import { explain, type ActAnswer } from './gateway.ts'

export type Verb = {
  readonly command: string
  /** the act's answer, or a text that says what is wrong with the command line */
  run(args: CommandArgs): Promise<ActAnswer> | string
  /** for people */
  tell(body: Record<string, unknown>): string
}

export const verb = (made: Verb): CommandModule => ({
  async run(args) {
    const started = made.run(args)
    if (typeof started === 'string') {
      args.io.err(`gatehouse ${made.command}: ${started}\n`)
      return EXIT.usage
    }
    let answer: ActAnswer
    try {
      answer = await started
    } catch (error) {
      return explain(args, made.command, error)
    }
    if (args.json) args.io.out(`${neutral(JSON.stringify(answer.ok ? answer.body : { error: answer.error }, undefined, 2))}\n`)
    else if (answer.ok) args.io.out(made.tell(answer.body))
    else
      args.io.err(
        `gatehouse ${made.command}: ${shown(answer.error.message)}${answer.error.fix === undefined ? '' : `; ${shown(answer.error.fix)}`}\n`,
      )
    return answer.ok ? EXIT.ok : EXIT.failed
  },
})

export const WHY = 'expected --why: it is recorded, and shown to other operators'

export function changeText(body: Record<string, unknown>): string {
  if (body['signerPolicy'] !== undefined) return signerText(body['signerPolicy'] as Record<string, unknown>)
  if (body['state'] !== 'proposed') return 'done\n'
  const { id, expiresSeconds } = (body['proposal'] ?? {}) as Record<string, unknown>
  return `proposed as ${text(id)}: somebody else has to approve it until ${timeOf(expiresSeconds)}\n`
}

/** Approved is not in force: somebody else's signatures or hands make it so. */
function signerText({ namespace, file, policies }: Record<string, unknown>): string {
  if (typeof file === 'string')
    return `staged in ${text(file)}: it counts once enough keyholders signed it (\`gatehouse trust sign\`) and it is published\n`
  const lines = JSON.stringify(policies, undefined, 2).split('\n').map(text).join('\n')
  return `nothing is changed by it: whoever keeps the policies puts the signer of ${text(namespace)} into them. They would be:\n${lines}\n`
}

/** What draws nothing, changes direction, breaks lines, or belongs to nobody. */
const UNSEEN =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Cn}\u115f\u1160\u3164\uffa0]|\u034f|\u17b4|\u17b5|[\ufe00-\ufe0f]|[\u{e0100}-\u{e01ef}]/gu
/** What other people wrote goes to a terminal: nothing in it may move the cursor or turn the line around. */
const shown = (value: string): string => value.slice(0, 4096).replaceAll(UNSEEN, '?')
export const text = (value: unknown): string => (typeof value === 'string' ? shown(value) : '')
export const records = (value: unknown): readonly Record<string, unknown>[] =>
  Array.isArray(value) ? (value as Record<string, unknown>[]) : []
export const timeOf = (seconds: unknown): string =>
  typeof seconds === 'number' ? new Date(seconds * 1000).toISOString().replace('.000', '') : ''
export function table(head: readonly string[], rows: readonly (readonly string[])[], empty: string): string {
  if (rows.length === 0) return empty
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map(row => (row[i] ?? '').length)))
  return [head, ...rows]
    .map(row => `${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  ')}\n`)
    .join('')
}
