// The webhooks of approvals: what is kept for them in state.db, each one's key, and how they are reached.

import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createSafeFetch } from '../adapters/safe-fetch.ts'
import { sqliteNotices } from '../adapters/sqlite/notice-store.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import { sendWebhook, webhookSecret } from '../adapters/webhook-sender.ts'
import type { ApprovalNews } from '../approvals/news.ts'
import type { Webhook } from '../approvals/notice.ts'
import { Notices } from '../approvals/notices.ts'
import type { ApprovalStore } from '../approvals/store.ts'
import type { Snapshot } from '../config/schema.ts'

type Parts = {
  readonly state: StateDb
  readonly current: () => Pick<Snapshot, 'approvals' | 'outbound' | 'dataDir' | 'publicUrl'>
  readonly approvals: Pick<ApprovalStore, 'find' | 'list'>
  readonly news: Pick<ApprovalNews, 'watch'>
  readonly logger: Pick<Logger, 'fault'>
  /** wall clock, milliseconds */
  readonly now: () => number
}

export function openWebhooks({ state, current, approvals, news, logger, now }: Parts): Notices {
  const nowSeconds = (): number => Math.floor(now() / 1000)
  const keys = new Map<string, Promise<Buffer>>()
  const keyOf = (name: string): Promise<Buffer> => {
    const folder = join(current().dataDir, 'keys')
    const key =
      keys.get(name) ?? mkdir(folder, { recursive: true, mode: 0o700 }).then(() => webhookSecret(join(folder, `webhook-${name}.secret`)))
    keys.set(name, key)
    // Whoever mends the file is believed at the next attempt.
    key.catch(() => keys.delete(name))
    return key
  }
  const send = async ({ name }: Webhook, id: string, body: string): Promise<Awaited<ReturnType<typeof sendWebhook>>> => {
    const settings = current().approvals.webhooks.find(each => each.name === name)
    if (!settings) return { is: 'never', why: 'it is not configured any more' }
    try {
      const key = await keyOf(name)
      const { hosts, networks } = current().outbound
      return await sendWebhook(createSafeFetch({ namedHosts: hosts, networks }), {
        url: settings.url,
        key,
        id,
        seconds: nowSeconds(),
        body,
      })
    } catch (cause) {
      logger.fault(`the key of the webhook \`${name}\` cannot be used`, cause)
      return { is: 'later', why: 'its key cannot be used' }
    }
  }
  return new Notices({
    ...{ store: sqliteNotices(state), approvals, news, send, nowSeconds },
    hooks: () => current().approvals.webhooks,
    linkTo: id => `${current().publicUrl}/console/approvals/${id}`,
    newId: () => `msg_${randomBytes(18).toString('base64url')}`,
    random: Math.random,
    fault: (what, cause) => logger.fault(what, cause),
  })
}
