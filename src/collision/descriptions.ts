// Descriptions, as far as one can be another's: what is compared is their letters and digits.

import { digestOf } from '../kernel/digest.ts'
import { latinOf } from '../kernel/look-alikes.ts'

/** Shorter descriptions are equal by chance. */
const MIN_LENGTH = 40
/** Of longer ones this much is compared. */
const MAX_LENGTH = 32_768

const OTHER = /[^\p{L}\p{N}]+/gu

/** Letters and digits alone: spaces, signs and hidden characters tell nothing apart. */
export const lettersOf = (description: string | undefined): string =>
  latinOf((description ?? '').slice(0, MAX_LENGTH).replaceAll(OTHER, '')).toLowerCase()

/** What equal descriptions have in common; undefined: too short to say something. */
export const printOf = (description: string | undefined): string | undefined =>
  description === undefined || description.trim().length < MIN_LENGTH ? undefined : digestOf(lettersOf(description))
