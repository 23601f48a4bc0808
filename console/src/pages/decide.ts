// Yes or no to one approval. What is sent names the digest of what was shown: if something else waits by then, nothing is approved.

import type { ApprovalSummary, Decided } from '../../../src/approvals/shapes.ts'
import { post } from '../api.ts'
import type { Context } from '../context.ts'
import { button, h, listen, type Child } from '../dom.ts'
import { moment } from '../words.ts'

/** A click that was meant for what stood there before decides nothing. */
const SETTLE_MS = 400
const MAX_WHY = 300
const LENGTHS: readonly (readonly [seconds: number, value: string, words: string])[] = [
  [900, '15m', '15 minutes'],
  [3600, '1h', 'an hour'],
  [4 * 3600, '4h', '4 hours'],
  [8 * 3600, '8h', '8 hours'],
  [24 * 3600, '24h', 'a day'],
]

export function decisionOf(context: Context, approval: ApprovalSummary, decided: (done: Decided) => void): Child {
  const { id, digest, mayDecide, isOwn, standingSeconds = 0, expiresAt, whyNot } = approval
  const lengths = LENGTHS.filter(([seconds]) => seconds <= standingSeconds)
  const standing = h(
    'select',
    { id: 'standing' },
    h('option', { value: '' }, 'this call alone'),
    lengths.map(([, value, words]) => h('option', { value }, `this tool for ${words}`)),
  )
  const why = h('input', {
    type: 'text',
    id: 'why',
    name: 'why',
    required: true,
    maxlength: MAX_WHY,
    autocomplete: 'off',
    placeholder: 'Why not',
    'aria-describedby': 'why-note',
  })
  const yes = button('Approve', () => void send('approve', { id, digest, ...(standing.value !== '' && { standing: standing.value }) }), {
    class: 'go',
    'data-key': 'a',
    disabled: true,
  })
  const no = h('button', { type: 'submit', class: 'danger', disabled: true }, isOwn && !mayDecide ? 'Take it back' : 'Reject')
  setTimeout(() => (yes.disabled = no.disabled = false), SETTLE_MS)

  // Pressed twice it is sent once; the gateway would count it once, too.
  async function send(act: 'approve' | 'reject', body: Readonly<Record<string, string>>): Promise<void> {
    yes.disabled = no.disabled = true
    try {
      decided(await post<Decided>(`approvals/${act}`, body))
    } catch (error) {
      context.failed(error)
      yes.disabled = no.disabled = false
    }
  }

  const form = listen(
    h(
      'form',
      { class: 'reject' },
      h('label', { for: 'why' }, isOwn && !mayDecide ? 'Why you take it back' : 'Why not'),
      h('div', { class: 'field' }, why, no),
      h('p', { class: 'soft', id: 'why-note' }, 'One sentence. The model that asked is told it.'),
    ),
    {
      submit: event => {
        event.preventDefault()
        void send('reject', { id, why: why.value.trim() })
      },
    },
  )
  why.dataset['key'] = 'r'
  return h(
    'section',
    { class: 'decide', 'aria-label': 'Decide' },
    mayDecide
      ? h(
          'div',
          { class: 'yes' },
          yes,
          lengths.length > 0 && [h('label', { class: 'unseen', for: 'standing' }, 'For'), standing],
          h('span', { class: 'soft' }, 'ends ', moment(expiresAt)),
        )
      : whyNot !== undefined && h('p', { class: 'soft' }, `${whyNot.charAt(0).toUpperCase()}${whyNot.slice(1)}.`),
    form,
  )
}
