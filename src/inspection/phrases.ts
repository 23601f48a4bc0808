// What texts say, as chains of words: a table, compiled to steps that a single pass over words advances. No pattern looks back, so time is linear.

/**
 * `says`: words with `|` between alternatives; a number is how many words the next one may be away (1, the default: the very next). `@url`, `@email`,
 * `@phone`, `@path`, `@colon` are not words but what the scanner saw there. `crosses`: goes on behind the end of a sentence.
 */
type Phrase = { readonly code: string; readonly says: readonly string[]; readonly crosses?: true }

const TRANSFER =
  'read|reads|collect|collects|include|includes|append|appends|send|sends|upload|uploads|post|forward|forwards|exfiltrate|exfiltrates|exfiltrating|copy|copies|pass|passes|leak|transmit|cat'
const TELL =
  'tell|telling|mention|mentioning|inform|informing|notify|notifying|reveal|revealing|disclose|disclosing|alert|alerting|asking|show|showing'
const SOMEBODY = 'user|users|human|anyone|customer|it|this|that'
const SEE = 'user|query|summary'
const RUNNING = 'using|calling|call|invoking|invoke|executing|execute|running|use|invoked|called|used'
const ORDER = 'must|always|first|should|need|required|ensure|read|send|pass|copy|include|append|run'
const GIVE = 'enter|provide|share|send|give|type|supply|confirm|paste|input|reply'
const ELSEWHERE = '@url|@email|@phone'
const MODE = 'developer|admin|dan|god|unrestricted'

/** A hit of this code in a sentence takes back `asks-for-credentials` there. */
export const WARNING = '~warning'

const PHRASES: readonly Phrase[] = [
  {
    code: 'override',
    says: [
      'ignore|disregard|forget|override|bypass 7 previous|prior|above|earlier|all|any|your|system|safety|security|original 7 instruction|instructions|rule|rules|guideline|guidelines|prompt|prompts|directive|directives|restriction|restrictions|constraints|checks|context',
    ],
  },
  {
    code: 'concealment',
    says: [
      `dont|never|without|avoid 6 ${TELL} 8 ${SOMEBODY}`,
      `do|must|should not 6 ${TELL} 8 ${SOMEBODY}`,
      'silently post|send|copy|log|read|collect|forward|include|append|execute|run|add|upload|record|track|change|replace|redirect|invoke|call|transfer',
      `omitted|hidden from|in|to the ${SEE}`,
      `not shown|displayed from|in|to the ${SEE}`,
      `not|never 2 shown|visible|displayed|mentioned to|in the ${SEE}`,
      'secretly',
      'covertly',
    ],
  },
  {
    code: 'other-tool-first',
    says: [
      `before|prior|after|instead|whenever 9 ${RUNNING} 14 ${ORDER}`,
      `every|each time 9 ${RUNNING} 14 ${ORDER}`,
      'must|always 3 call|called|use|used|invoke|invoked|run|execute|executed|read 7 first|before|prior|instead',
    ],
  },
  {
    code: 'priority-claim',
    says: [
      'best tool in the world',
      'highest|top priority tool|function',
      'has|have|with highest|top priority over',
      'always use|prefer|choose this tool|function|one',
      'prefer this tool over|instead',
      'use this tool|function instead|first',
      'use this tool|function for all',
      'must be called|used|run|executed first|before',
      'just use this tool',
      'prioritize|prioritise calling|using',
      'no longer effective',
      'do not use any|the other',
      'deprecated use',
    ],
  },
  {
    code: 'role-claim',
    says: [
      'system override|directive|update|message|prompt @colon',
      'system @colon',
      'new instruction|instructions|task @colon',
      'new user query @colon',
      'i am the user',
      'important message from user',
      'you must strictly adhere',
      'you are now a|an|in|the',
      'from now on you',
      `enter|enable|activate|in ${MODE} mode`,
      `switch to ${MODE} mode`,
      'do anything now',
      'as an ai 2 you must',
      'note to ai|assistant',
      'attention ai|assistant',
      'assistant guidelines',
    ],
  },
  {
    code: 'fixed-destination',
    says: [
      `send|forward|post|upload|bcc|cc|exfiltrate|exfiltrates|exfiltrating|transmit|redirect|let 12 ${ELSEWHERE}`,
      `also call|copy|add|let 12 ${ELSEWHERE}`,
      `loop in 12 ${ELSEWHERE}`,
    ],
  },
  {
    code: 'asks-for-credentials',
    says: [
      `${GIVE} 7 your|their|users password|passphrase|cvv|pin|otp|ssn`,
      `${GIVE} 7 your|their|users private|api|secret key`,
      `${GIVE} 7 your|their|users access token`,
      `${GIVE} 7 your|their|users credit card`,
      `${GIVE} 7 your|their|users card number`,
      `${GIVE} 7 your|their|users mfa|2fa code`,
      `${GIVE} 7 seed|recovery phrase`,
      'enter 4 cvv|cvv2|cvc',
    ],
  },
  { code: WARNING, says: ['never|not|nobody 6 ask|enter|share|send|type|paste', 'no one 6 ask|enter|share|send|type|paste'] },
  { code: 'secret-path-transfer', says: [`@path 60 ${TRANSFER}`, `${TRANSFER} 60 @path`], crosses: true },
]

/** Hash of a word, case folded before; a collision could only cost a false finding, never hide one. */
export const hashWord = (word: string): number => {
  let hash = 0
  for (let i = 0; i < word.length; i++) hash = (Math.imul(hash, 31) + word.charCodeAt(i)) | 0
  return hash
}

/** All chains in flat arrays, by step: it is reached when its word comes at most `gap` words behind the step before it (-1: it is the first). */
export type Steps = {
  readonly before: Int16Array
  readonly gap: Uint8Array
  readonly crosses: Uint8Array
  /** set where a chain ends */
  readonly code: readonly (string | undefined)[]
  /** steps of each word or mark */
  readonly of: ReadonlyMap<string, readonly number[]>
}

function compile(): Steps {
  const steps: { before: number; gap: number; crosses: boolean; code: string | undefined }[] = []
  const of = new Map<string, number[]>()
  for (const { code, says, crosses = false } of PHRASES) {
    for (const chain of says) {
      let before = -1
      let gap = 1
      const parts = chain.split(' ')
      for (const [i, part] of parts.entries()) {
        if (/^\d+$/.test(part)) gap = Number(part)
        else {
          // Later steps first: one word must not be two steps of one chain.
          for (const word of part.split('|')) of.set(word, [steps.length, ...(of.get(word) ?? [])])
          steps.push({ before, gap, crosses, code: i === parts.length - 1 ? code : undefined })
          before = steps.length - 1
          gap = 1
        }
      }
    }
  }
  return {
    before: Int16Array.from(steps, s => s.before),
    gap: Uint8Array.from(steps, s => s.gap),
    crosses: Uint8Array.from(steps, s => (s.crosses ? 1 : 0)),
    code: steps.map(s => s.code),
    of,
  }
}

export const STEPS = compile()
