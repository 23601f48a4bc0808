// What waits for people and what they decide, in a terminal. What would run is shown whole before anybody approves it.

import { setTimeout as sleep } from 'node:timers/promises'
import { neutral } from '../../kernel/neutral-json.ts'
import type { CommandArgs } from '../command.ts'
import { detailText, rowOf, visible, whoOf, type Row } from './approval-text.ts'
import { followApprovals } from './follow-approvals.ts'
import { act, openPath, type ActAnswer } from './gateway.ts'
import { records, table, text, verb } from './verb.ts'

const ID = 'expected one ID: `gatehouse approvals list` shows them'

export const listApprovals = verb({
  command: 'approvals list',
  run: args => act(args, 'approvals/list'),
  tell: ({ approvals }) => approvalsTable(records(approvals)),
})

export const showApproval = verb({
  command: 'approvals show',
  run: args => withId(args, id => act(args, 'approvals/show', { id })),
  tell: detailText,
})

export const approveApproval = verb({
  command: 'approvals approve',
  run: args =>
    withId(args, id => {
      const [digest, standing] = [args.text('digest'), args.text('standing')]
      // Nobody approves what they were not shown.
      if (digest === undefined) return act(args, 'approvals/show', { id })
      return act(args, 'approvals/approve', { id, digest, ...(standing !== undefined && { standing }) })
    }),
  tell: body => {
    if (body['isYours'] === undefined) return detailText(body)
    const { state, quorum, votes } = rowOf(body['approval'])
    const grant = body['grant'] === undefined ? '' : `standing grant ${text(rowOf(body['grant'])['id'])}\n`
    return `${text(state)}: ${records(votes).length} of ${String(quorum)} said yes${body['isYours'] === true ? '' : '; you had said so before'}\n${grant}`
  },
})

export const rejectApproval = verb({
  command: 'approvals reject',
  run(args) {
    const why = args.text('why')
    if (why === undefined) return 'expected --why: one sentence; it is recorded, and the model of whoever asked is told'
    return withId(args, id => act(args, 'approvals/reject', { id, why }))
  },
  tell: ({ approval }) => `${text(rowOf(approval)['state'])}\n`,
})

export const listGrants = verb({
  command: 'grants list',
  run: args => act(args, 'grants/list'),
  tell: ({ grants }) => {
    const rows = records(grants).map(g => [
      text(g['id']),
      whoOf(g['holder']),
      text(g['server']),
      visible(g['name']),
      text(g['expiresAt']),
      String(g['uses']),
    ])
    return table(['id', 'holder', 'server', 'name', 'until', 'uses'], rows, 'there are no standing grants\n')
  },
})

export const revokeGrant = verb({
  command: 'grants revoke',
  run: args => withId(args, id => act(args, 'grants/revoke', { id })),
  tell: ({ revoked }) => `revoked ${text(rowOf(revoked)['id'])}\n`,
})

/** Until interrupted; over whatever breaks in between. */
export const watchApprovals = verb({ command: 'approvals watch', run: watched, tell: () => '' })

async function watched(args: CommandArgs): Promise<ActAnswer> {
  const refused = await followApprovals({
    open: signal => openPath(args, '/admin/approvals/events', { accept: 'text/event-stream' }, signal),
    list: () => act(args, 'approvals/list'),
    tell: news => tellNews(args, news),
    broke: () => args.io.err('gatehouse approvals watch: the gateway does not answer; trying again\n'),
    wait: ms => sleep(ms),
    signal: new AbortController().signal,
  })
  return refused ?? { ok: true, body: {} }
}

function tellNews({ io, json }: CommandArgs, news: Row): void {
  if (json) io.out(`${neutral(JSON.stringify(news))}\n`)
  else if (news['type'] === 'approval') io.out(lineOf(rowOf(news['approval'])))
  else io.out(`grant ${text(news['id'])} ${text(news['what'])}\n`)
}

const lineOf = (a: Row): string =>
  `${text(a['openedAt'])} ${text(a['id'])} ${text(a['state'])} ${whoOf(a['requester'])} ${text(a['method'])} ${text(a['server'])} ${visible(a['name'])}\n`

function withId<T>({ positionals: [id, ...others] }: CommandArgs, run: (id: string) => T): T | string {
  return id === undefined || others.length > 0 ? ID : run(id)
}

function approvalsTable(rows: readonly Row[]): string {
  const cells = rows.map(a => [
    text(a['id']),
    text(a['state']),
    whoOf(a['requester']),
    text(a['server']),
    visible(a['name']),
    text(a['expiresAt']),
    a['mayDecide'] === true ? 'yes' : text(a['whyNot']),
  ])
  return table(['id', 'state', 'asked by', 'server', 'name', 'until', 'yours to decide'], cells, 'nothing waits\n')
}
