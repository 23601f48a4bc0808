// `gatehouse audit search`, `tail` and `show`: what the log says, from a folder or through the gateway.

import { setTimeout as wait } from 'node:timers/promises'
import { neutral } from '../../kernel/neutral-json.ts'
import { explain } from '../admin/gateway.ts'
import { text, verb } from '../admin/verb.ts'
import { EXIT, type CommandArgs, type CommandModule } from '../command.ts'
import { eventTable, shownEvents, timeline, type ShownEvent } from './events.ts'
import { queryProblem, queryTexts, searchAnswer, storyAnswer } from './log-source.ts'

const FOLLOW_MS = 1000

export const search = verb({
  command: 'audit search',
  run(args) {
    const texts = queryTexts(args)
    return queryProblem(texts) ?? searchAnswer(args, texts)
  },
  tell({ events, next, size }) {
    const found = shownEvents(events).reverse()
    const more = typeof next === 'number' ? `and perhaps older ones: --before ${next}\n` : ''
    return `${eventTable(found, `nothing of ${Number(size)} events\n`)}${more}`
  },
})

export const show = verb({
  command: 'audit show',
  run(args) {
    const call = args.text('call')
    return call === undefined ? 'expected --call ID: the member `call` of any of its events' : storyAnswer(args, call)
  },
  tell: ({ events }) => timeline(shownEvents(events)),
})

/** The newest events, and with --follow each that comes, until it is interrupted. */
export const tail: CommandModule = {
  async run(args) {
    const texts = { ...queryTexts(args), limit: args.text('lines') ?? '10' }
    const problem = queryProblem(texts)
    if (problem !== undefined) {
      args.io.err(`gatehouse audit tail: ${problem}\n`)
      return EXIT.usage
    }
    try {
      let last = -1
      do {
        const events = await newer(args, texts, last)
        if (typeof events === 'string') {
          args.io.err(`gatehouse audit tail: ${events}\n`)
          return EXIT.failed
        }
        args.io.out(linesOf(args, events, last === -1))
        last = events.at(-1)?.seq ?? last
        if (args.flag('follow')) await wait(FOLLOW_MS)
      } while (args.flag('follow'))
      return EXIT.ok
    } catch (error) {
      return explain(args, 'audit tail', error)
    }
  },
}

/** What came after `last`, oldest first; the first time no more than was asked for. */
async function newer(args: CommandArgs, texts: Readonly<Record<string, string>>, last: number): Promise<ShownEvent[] | string> {
  const found: ShownEvent[] = []
  let before: unknown
  for (;;) {
    const page = { ...texts, ...(last >= 0 && { limit: '500' }), ...(typeof before === 'number' && { before: String(before) }) }
    const answer = await searchAnswer(args, page)
    if (!answer.ok) return text(answer.error.message)
    const events = shownEvents(answer.body['events'])
    found.push(...events.filter(({ seq }) => seq > last))
    before = answer.body['next']
    if (last < 0 || typeof before !== 'number' || before <= last + 1) return found.reverse()
  }
}

function linesOf(args: CommandArgs, events: readonly ShownEvent[], isFirst: boolean): string {
  if (args.json) return events.map(event => `${neutral(JSON.stringify(event))}\n`).join('')
  if (events.length === 0) return ''
  const lines = eventTable(events, '')
  return isFirst ? lines : lines.slice(lines.indexOf('\n') + 1)
}
