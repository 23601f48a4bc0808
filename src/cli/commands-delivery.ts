// The rows of the commands about delivery of audit events: sinks, and what they did not take.

import type { Command } from './command-row.ts'
import type { CommandModule } from './command.ts'
import { ADMIN } from './options.ts'

const delivery = (name: keyof typeof import('./admin/delivery.ts')) => async (): Promise<CommandModule> =>
  (await import('./admin/delivery.ts'))[name]

export const DELIVERY: readonly Command[] = [
  {
    name: 'audit sinks',
    summary: 'show how far each sink of audit events is behind',
    about: ['For operators and auditors. See docs/delivery.md.'],
    options: ADMIN,
    load: delivery('sinks'),
  },
  {
    name: 'audit dead list',
    summary: 'show audit events that a sink will not take',
    about: ['For operators and auditors. What stands here was passed over at that sink alone; the log has it.'],
    options: ADMIN,
    load: delivery('listDead'),
  },
  {
    name: 'audit dead show',
    summary: 'show one of them, with its event',
    about: ['For operators and auditors.'],
    positionals: 'SINK SEQ',
    maxPositionals: 2,
    options: ADMIN,
    load: delivery('showDead'),
  },
  {
    name: 'audit dead replay',
    summary: 'send them again: one, or all of a sink',
    about: ['Needs the role operator. They arrive behind newer events, with their own `seq`.'],
    positionals: 'SINK [SEQ]',
    maxPositionals: 2,
    options: ADMIN,
    load: delivery('replayDead'),
  },
  {
    name: 'audit dead drop',
    summary: 'never send them: one, or all of a sink',
    about: ['Needs the role operator. The log keeps them; the receiver’s list has a gap in `seq` there.'],
    positionals: 'SINK [SEQ]',
    maxPositionals: 2,
    options: ADMIN,
    load: delivery('dropDead'),
  },
]
