// A gateway whose rules ask people: bob's host wants to pay, alice may let it, carol has nothing to do with it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { startRecorder } from '../attacks/world.ts'
import type { HttpUpstream } from '../support/upstreams/http-upstream.ts'
import { json, result } from '../support/upstreams/http-upstream.ts'
import { startConsoleWorld } from './console-world.ts'
import { startHost, type Host } from './host.ts'
import { signIn, type BrowserWorld, type WorldOptions } from './world.ts'

const RULES = `
@id("everything") permit (principal, action, resource);
@id("payments") @title("Payments are looked at by a person") @advice("Look at the amount, and at whom it goes to.")
@obligation("approval") @approvers("staff") @standing("8h") @approval_ttl("15m")
forbid (principal, action == MCP::Action::"tools/call", resource) when { resource == MCP::Tool::"pay/refund" } unless { context has approval };`

const REFUND = {
  name: 'refund',
  title: 'Refund',
  description: 'Pays an amount back to a customer, once.',
  inputSchema: { type: 'object' },
  annotations: { destructiveHint: true },
}

export type ApprovalsWorld = BrowserWorld & {
  /** asked for with what arrived at it */
  readonly pay: HttpUpstream
  /** what ran */
  readonly ran: () => Record<string, unknown>[]
}

export async function startApprovalsWorld(options: WorldOptions = {}): Promise<ApprovalsWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-console-rules-'))
  mkdirSync(join(folder, 'authz'), { recursive: true })
  writeFileSync(join(folder, 'authz/rules.cedar'), RULES)
  const pay = await startRecorder({
    definitions: [REFUND],
    tools: { refund: ({ res, message }) => json(res, result(message.id, `paid ${String(message.params.arguments.amount)}`)) },
  })
  const world = await startConsoleWorld({
    ...options,
    users: [{ name: 'alice', groups: ['staff'] }, { name: 'bob' }, { name: 'carol' }],
    config: { policies: { folder }, administration: { roles: { approver: { groups: ['staff'] } } }, ...options.config },
    upstreams: { pay: { title: 'Payments', http: { url: pay.url }, admission: 'configured', allow: [] } },
  })
  return {
    ...world,
    pay,
    ran: () => pay.of('tools/call').map(({ params }) => params.arguments as Record<string, unknown>),
    async stop() {
      await world.stop()
      await pay.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** An application that acts for this person, signed in at their browser. */
export async function hostOf(page: Page, world: BrowserWorld, user: string): Promise<Host> {
  const host = await startHost(`${world.url}/mcp`)
  await page.goto(host.signInUrl)
  const [asked, allow] = [page.getByRole('link', { name: 'Continue to' }), page.getByRole('button', { name: 'Allow', exact: true })]
  await asked.or(allow).waitFor()
  if (await asked.isVisible()) await signIn(page, user)
  await allow.click()
  await page.waitForURL(url => url.pathname === '/callback')
  await host.finish()
  return host
}
