// Signers that were proposed for namespaces, in state.db: who approves one approves its digest.

import type { ProposedSigner, SignerProposalStore } from '../../trust/signer-proposals.ts'
import type { StateDb } from './state-db.ts'

/** Longer than any proposal lives (`administration.proposalLife` is 30 days at most). */
const KEPT_SECONDS = 32 * 86_400

export const sqliteSignerProposals = (db: StateDb): SignerProposalStore => ({
  async keep({ digest, namespace, policy }, atSeconds) {
    await db.write([
      { sql: 'DELETE FROM registry_signer_proposals WHERE kept_at < ?', params: [atSeconds - KEPT_SECONDS] },
      {
        sql: `INSERT INTO registry_signer_proposals (digest, namespace, policy, kept_at) VALUES (?, ?, ?, ?)
          ON CONFLICT (digest) DO UPDATE SET kept_at = excluded.kept_at`,
        params: [digest, namespace, policy, atSeconds],
      },
    ])
  },
  async find(digest) {
    const [row] = await db.all<ProposedSigner>('SELECT digest, namespace, policy FROM registry_signer_proposals WHERE digest = ?', [digest])
    return row
  },
  list: () =>
    db.all<ProposedSigner>('SELECT digest, namespace, policy FROM registry_signer_proposals ORDER BY kept_at DESC, digest LIMIT 200'),
})
