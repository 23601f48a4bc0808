// The keywords that say anything about a value. Others (`title`, `format`, `x-…`) are annotations and refuse nothing.

import type { Keyword } from './check.ts'
import { IN_PLACE } from './in-place.ts'
import { ITEMS } from './items.ts'
import { MEMBERS } from './members.ts'
import { PLAIN } from './plain.ts'

export const KEYWORDS: ReadonlyMap<string, Keyword> = new Map([...PLAIN, ...IN_PLACE, ...MEMBERS, ...ITEMS])
