// `gatehouse audit value` and `audit erase`: contents that rules asked to record, shown or gone for good.

import { neutral } from '../../kernel/neutral-json.ts'
import { act } from '../admin/gateway.ts'
import { changeText, text, verb, WHY } from '../admin/verb.ts'

export const value = verb({
  command: 'audit value',
  run(args) {
    const [event] = args.positionals
    return event === undefined ? 'expected the id of an event' : act(args, 'audit/value', { event })
  },
  tell({ what, value: kept, bytes }) {
    if (typeof kept !== 'string') return `the ${text(what)} had ${Number(bytes)} bytes, too many to be kept; --json shows the salt\n`
    return `${neutral(Buffer.from(kept, 'base64url').toString())}\n`
  },
})

export const erase = verb({
  command: 'audit erase',
  run(args) {
    const [issuer, subject, why] = [args.text('issuer'), args.text('subject'), args.text('why')]
    if (issuer === undefined || subject === undefined) return 'expected --issuer and --subject: whose values'
    return why === undefined ? WHY : act(args, 'audit/erase', { issuer, subject, why })
  },
  tell: answer =>
    answer['state'] === 'proposed' ? changeText(answer) : `${Number(answer['erased'])} values erased, and the key that opened them\n`,
})
