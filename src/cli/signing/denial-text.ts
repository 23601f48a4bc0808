// A refusal as people read it.

import type { Denial } from '../../trust/denial.ts'

export const denialText = (what: string, { denied, rule, detail, fix }: Denial): string =>
  `${what}: ${denied} (${rule})\n  ${detail}\n  fix: ${fix}\n`
