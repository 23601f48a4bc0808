// Logout tokens that were used, in state.db: of two INSERTs of the same token one changes a row.

import type { LogoutTokenStore } from '../../identity/logout-token.ts'
import type { StateDb } from './state-db.ts'

const FORGET = 'DELETE FROM logout_tokens WHERE expires_at < ?'
const USE = 'INSERT INTO logout_tokens (issuer, jti, expires_at) VALUES (?, ?, ?) ON CONFLICT (issuer, jti) DO NOTHING'

export const sqliteLogoutTokens = (db: StateDb): LogoutTokenStore => ({
  async use(issuer, jti, expiresSeconds, nowSeconds) {
    const [, added] = await db.write([
      { sql: FORGET, params: [nowSeconds] },
      { sql: USE, params: [issuer, jti, expiresSeconds] },
    ])
    return added === 1
  },
})
