// Webhooks of approvals: a real receiver, a real store, and what the other side can do wrong.

import { createHmac } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import { sqliteApprovals } from '../../src/adapters/sqlite/approval-store.ts'
import { signatureOf } from '../../src/adapters/webhook-sender.ts'
import type { Approval } from '../../src/approvals/approval.ts'
import { ApprovalNews } from '../../src/approvals/news.ts'
import { kindOf, noticeBody, type NoticeFormat } from '../../src/approvals/notice.ts'
import type { Notices } from '../../src/approvals/notices.ts'
import type { ApprovalStore } from '../../src/approvals/store.ts'
import { openWebhooks } from '../../src/compose/webhooks.ts'
import type { WebhookSettings } from '../../src/config/schema.ts'
import { approval } from '../contracts/approvals.ts'

const LINK = 'https://gateway.example/console/approvals/1'
const told = (format: NoticeFormat, one: Approval = approval()): string =>
  noticeBody(format, { approval: one, kind: 'pending', link: LINK, at: 1000 })

describe('what a webhook is told', () => {
  it('is signed as Standard Webhooks publishes it', () => {
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64')
    const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', seconds: 1_614_265_330, body: '{"test": 2432232314}' }
    expect(signatureOf(key, message)).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  })
  it('is who asks for what, by which rules, until when, and where to look', () => {
    expect(JSON.parse(told('json', approval({ id: '1' }, { name: 'delete_repo', client: 'cursor' })))).toEqual({
      type: 'approval.pending',
      timestamp: '1970-01-01T00:16:40Z',
      data: {
        ...{ id: '1', digest: expect.any(String) as string, kind: 'call', state: 'pending', client: 'cursor', server: 'github' },
        ...{ method: 'tools/call', name: 'delete_repo', rules: ['guard'], votes: 0, quorum: 1, link: LINK },
        ...{
          requester: { issuer: 'https://idp.example', subject: 'alice' },
          at: '1970-01-01T00:16:40Z',
          expiresAt: '1970-01-01T00:31:40Z',
        },
      },
    })
  })
  it.each(['json', 'slack', 'teams'] as const)(
    'attack: a tool called like a mention, a link, markup or a turn of text is inert in %s',
    format => {
      const name = '<!channel> <https://evil.example|ok> [ok](https://evil.example) *b* `c` \u202egnp.exe \u200b&amp;\n# x'
      const body = told(format, approval({}, { name, client: '@here <script>' }))
      expect(body).toMatch(/^[\x20-\x7e]*$/)
      expect(body).not.toMatch(/[<>]/)
      const message = JSON.parse(body) as unknown
      const texts = (value: unknown): string[] =>
        typeof value === 'string' ? [value] : typeof value === 'object' && value !== null ? Object.values(value).flatMap(texts) : []
      for (const text of texts(message)) expect(text).not.toMatch(/[<>\u202e\u200b]/)
      // Markup is read in these alone: Slack's `mrkdwn`, the text blocks and facts of a card.
      expect(body).not.toMatch(/"mrkdwn"|"TextBlock"|"FactSet"/)
    },
  )
  it('tells nothing where only one of several votes came, and of escalation once it is time', () => {
    const vote = { by: 'https://idp.example zoe', as: ['approvers'], atSeconds: 1001 } as never
    const demands = [{ rule: 'guard', approvers: ['a'], ttlSeconds: 900, escalation: { afterSeconds: 300, approvers: ['b'] } }]
    expect(kindOf(approval(), 1001)).toBe('pending')
    expect(kindOf(approval({ votes: [vote], quorum: 2 }), 1001)).toBeUndefined()
    expect(kindOf(approval({ demands }), 1299)).toBe('pending')
    expect(kindOf(approval({ demands }), 1300)).toBe('escalated')
    expect(kindOf(approval({ state: 'rejected' }), 1001)).toBe('rejected')
  })
})

describe('a webhook', () => {
  type Heard = { readonly headers: IncomingHttpHeaders; readonly body: string }
  let folder: string
  let state: StateDb
  let approvals: ApprovalStore
  let news: ApprovalNews
  let notices: Notices
  let heard: Heard[]
  let answer: (nth: number) => { status: number; headers?: Record<string, string> }
  let nowMs: number
  let hooks: WebhookSettings[]
  const faults: string[] = []
  /** those who never hear an answer, until they are let go */
  let stuck: (() => void)[] = []
  const server = createServer((req, res) => {
    let body = ''
    req.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    req.on('end', () => {
      if (req.url === '/stuck') return void stuck.push(() => res.writeHead(204).end())
      heard.push({ headers: req.headers, body })
      const { status, headers } = answer(heard.length)
      res.writeHead(status, headers).end('ignore previous instructions')
    })
  })
  const open = (): void => {
    const { port } = server.address() as AddressInfo
    news = new ApprovalNews({ set: setTimeout, clear: clearTimeout }, () => ({ total: 1, perPrincipal: 1 }))
    notices = openWebhooks({
      ...{ state, approvals, news, now: () => nowMs },
      current: () => ({
        approvals: { webhooks: hooks, selfFrom: 'console', limits: { total: 1, perPrincipal: 1, perServer: 1 } },
        outbound: { hosts: [`127.0.0.1:${port}`], networks: [] },
        dataDir: folder,
        publicUrl: 'https://gateway.example',
      }),
      logger: { fault: (what: string) => void faults.push(what) },
    })
  }
  const opened = async (more: Partial<Approval> = {}): Promise<Approval> => {
    const one = approval({ openedSeconds: nowMs / 1000, expiresSeconds: nowMs / 1000 + 900, ...more }, { request: `${Math.random()}` })
    await approvals.open(one, '', { total: 100, perPrincipal: 100, perServer: 100 })
    return one
  }
  const tell = (one: Approval): void => news.tell({ type: 'approval', approval: one })

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gatehouse-webhooks-'))
    state = await openStateDb(join(folder, 'state.db'))
    approvals = sqliteApprovals(state)
    heard = []
    stuck = []
    faults.length = 0
    answer = () => ({ status: 204 })
    nowMs = 1_000_000_000
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    hooks = [{ name: 'chat', format: 'json', on: new Set(['pending', 'rejected']), url: `http://127.0.0.1:${port}/hook` }]
    open()
  })
  afterEach(async () => {
    await notices.stop()
    await state.close()
    await new Promise(resolve => server.close(resolve))
    rmSync(folder, { recursive: true, force: true })
  })

  it('gets what it wants to hear, once, signed with a key of its own that only the gateway may read', async () => {
    const one = await opened()
    tell(one)
    tell(one)
    tell({ ...one, state: 'approved' })
    await notices.tick()
    await notices.tick()
    expect(heard).toHaveLength(1)
    const [{ headers, body } = { headers: {}, body: '' }] = heard
    expect(JSON.parse(body)).toMatchObject({
      type: 'approval.pending',
      data: { id: one.id, link: `https://gateway.example/console/approvals/${one.id}` },
    })
    const file = join(folder, 'keys/webhook-chat.secret')
    const key = Buffer.from(readFileSync(file, 'utf8').trim().replace('whsec_', ''), 'base64')
    const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`)
    expect(headers['webhook-timestamp']).toBe('1000000')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(faults).toEqual([])
  })
  it('gets it again, under the same id, until it takes it: after a while, and as late as it asks', async () => {
    answer = nth => (nth === 1 ? { status: 500 } : nth === 2 ? { status: 429, headers: { 'retry-after': '60' } } : { status: 200 })
    tell(await opened())
    await notices.tick()
    await notices.tick()
    expect(heard).toHaveLength(1)
    nowMs += 2000
    await notices.tick()
    expect(heard).toHaveLength(2)
    nowMs += 59_000
    await notices.tick()
    expect(heard).toHaveLength(2)
    nowMs += 1000
    await notices.tick()
    nowMs += 1_000_000
    await notices.tick()
    expect(heard).toHaveLength(3)
    expect(new Set(heard.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(faults).toHaveLength(1)
  })
  it('gets it after a restart: what was opened when nobody could note it, and what was noted and not sent', async () => {
    answer = () => ({ status: 503 })
    tell(await opened())
    await notices.tick()
    await notices.stop()
    const lost = await opened()
    await opened({ openedSeconds: nowMs / 1000 - 90_000, expiresSeconds: nowMs / 1000 + 900 })
    await state.close()
    state = await openStateDb(join(folder, 'state.db'))
    approvals = sqliteApprovals(state)
    open()
    answer = () => ({ status: 200 })
    heard = []
    nowMs += 10_000
    await notices.tick()
    expect(heard.map(({ body }) => (JSON.parse(body) as { data: { id: string } }).data.id)).toContain(lost.id)
    expect(heard).toHaveLength(2)
  })
  it('attack: one that redirects elsewhere is not followed, and one that says it is gone is let be', async () => {
    const { port } = server.address() as AddressInfo
    answer = nth => (nth === 1 ? { status: 307, headers: { location: `http://127.0.0.1:${port}/other` } } : { status: 410 })
    tell(await opened())
    await notices.tick()
    expect(heard).toHaveLength(1)
    for (let i = 0; i < 3; i++) {
      nowMs += 100_000_000
      await notices.tick()
    }
    expect(heard).toHaveLength(2)
  })
  it('attack: an address inside the network that the configuration does not open is never dialled', async () => {
    hooks = [{ ...hooks[0]!, url: 'http://169.254.169.254/latest/meta-data' }]
    tell(await opened())
    await notices.tick()
    expect(heard).toEqual([])
    expect(faults).toHaveLength(1)
  })
  it('attack: a receiver that never answers keeps others from hearing anything', async () => {
    const url = hooks[0]!.url
    hooks = [{ ...hooks[0]!, name: 'stuck', url: url.replace('/hook', '/stuck') }, hooks[0]!]
    for (let n = 0; n < 20; n++) tell(await opened())
    const over = notices.tick()
    await expect.poll(() => heard.length).toBe(20)
    await expect.poll(() => stuck.length).toBe(8)
    // The next one is told as well, while that one still hangs.
    tell(await opened())
    await notices.tick()
    expect(heard).toHaveLength(21)
    expect(stuck).toHaveLength(8)
    let isOver = false
    const released = over.then(() => (isOver = true))
    while (!isOver) {
      for (const answer of stuck.splice(0)) answer()
      await new Promise(setImmediate)
    }
    await released
    expect(new Set(heard.map(({ headers }) => headers['webhook-id'])).size).toBe(21)
  })
  it('attack: a key that others may read signs nothing; once it is mended it does', async () => {
    tell(await opened())
    const file = join(folder, 'keys/webhook-chat.secret')
    await notices.tick()
    expect(existsSync(file)).toBe(true)
    await notices.stop()
    open()
    writeFileSync(file, 'whsec_c2hvcnQ=\n')
    tell(await opened())
    await notices.tick()
    expect(heard).toHaveLength(1)
    expect(faults.join()).toMatch(/key of the webhook `chat` cannot be used/)
    writeFileSync(file, `whsec_${Buffer.alloc(32, 7).toString('base64')}\n`)
    nowMs += 10_000
    await notices.tick()
    expect(heard).toHaveLength(2)
  })
})
