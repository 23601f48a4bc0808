// What was read before and counts against open-world tools: looked at, and cleared with a reason.

import { act } from './gateway.ts'
import { records, table, text, verb, WHY } from './verb.ts'

export const listMarks = verb({
  command: 'marks list',
  run: args => act(args, 'marks/list'),
  tell: ({ marks, more }) => marksTable(marks, 'nothing is marked\n') + (typeof more === 'number' ? `and ${more} more\n` : ''),
})

export const clearMarks = verb({
  command: 'marks clear',
  run(args) {
    const why = args.text('why')
    if (why === undefined) return WHY
    const client = args.text('client')
    const principal = args.positionals.join(' ')
    return act(args, 'marks/clear', { ...(principal !== '' && { principal }), ...(client !== undefined && { client }), why })
  },
  tell({ cleared, running }) {
    const left = typeof running === 'number' && running > 0 ? `${running} stand on: something is being read now\n` : ''
    return marksTable(cleared, 'there was nothing to clear\n') + left
  },
})

function marksTable(marks: unknown, empty: string): string {
  const rows = records(marks).map(m => [
    text(m['principal']),
    text(m['client']),
    m['server'] === '*' ? 'several' : text(m['server']),
    [text(m['method']), text(m['name'])].filter(Boolean).join(' '),
    whole(m['at']),
    whole(m['untrustedUntil']) || '-',
    whole(m['privateUntil']) || '-',
  ])
  return table(['principal', 'client', 'read from', 'by', 'at', 'untrusted until', 'private until'], rows, empty)
}
const whole = (time: unknown): string => text(time).replace(/\.\d+Z$/, 'Z')
