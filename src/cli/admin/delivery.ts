// Where audit events go: how far each sink is, and what it did not take.

import type { CommandArgs } from '../command.ts'
import { act, type ActAnswer } from './gateway.ts'
import { records, table, text, verb } from './verb.ts'

export const sinks = verb({
  command: 'audit sinks',
  run: args => act(args, 'audit/sinks/list'),
  tell: body =>
    table(
      ['sink', 'kind', 'state', 'events behind', 'seconds behind', 'next seq', 'dead letters', 'why'],
      records(body['sinks']).map(s => [
        ...[text(s['name']), text(s['kind']), text(s['state']), count(s['lagEvents']), count(s['lagSeconds'])],
        ...[count(s['cursor']), count(s['dead']), text(s['why'])],
      ]),
      'there are no sinks, or they are being started\n',
    ),
})

export const listDead = verb({
  command: 'audit dead list',
  run: args => act(args, 'audit/dead/list'),
  tell: ({ dead, more }) =>
    table(
      ['sink', 'seq', 'since', 'why', ''],
      records(dead).map(d => [
        text(d['sink']),
        count(d['seq']),
        text(d['at']),
        text(d['why']),
        d['isReplayed'] === true ? 'being sent again' : '',
      ]),
      'there are no dead letters\n',
    ) + (more === true ? 'and more\n' : ''),
})

export const showDead = verb({
  command: 'audit dead show',
  run: args => (args.positionals.length === 2 ? act(args, 'audit/dead/show', chosen(args)) : 'expected SINK SEQ'),
  tell({ dead, event }) {
    const { sink, seq, at, why, leaf } = (dead ?? {}) as Record<string, unknown>
    const head = `${text(sink)} did not take event ${count(seq)} (leaf ${text(leaf)}) at ${text(at)}: ${text(why)}\n`
    if (event === undefined) return `${head}its event is not in the log any more\n`
    return `${head}${JSON.stringify(event, undefined, 2).split('\n').map(text).join('\n')}\n`
  },
})

export const replayDead = verb({
  command: 'audit dead replay',
  run: args => ask(args, 'audit/dead/replay'),
  tell: ({ replayed }) => `${count(replayed)} will be sent again\n`,
})

export const dropDead = verb({
  command: 'audit dead drop',
  run: args => ask(args, 'audit/dead/drop'),
  tell: ({ dropped }) => `${count(dropped)} dropped\n`,
})

const ask = (args: CommandArgs, what: string): Promise<ActAnswer> | string =>
  args.positionals.length > 0 ? act(args, what, chosen(args)) : 'expected SINK, and SEQ where one is meant'
const chosen = ({ positionals: [sink, seq] }: CommandArgs): object => ({ sink, ...(seq !== undefined && { seq }) })
const count = (value: unknown): string => (typeof value === 'number' ? String(Math.round(value)) : '')
