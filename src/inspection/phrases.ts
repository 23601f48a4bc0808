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

export const PHRASES: readonly Phrase[] = [
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

/** Advances when its word comes at most `gap` words behind the step before it. */
export type Step = {
  readonly id: number
  readonly before: number
  readonly gap: number
  readonly crosses: boolean
  /** set where the chain ends here */
  readonly code?: string
}
export type Word = { readonly length: number; readonly steps: readonly Step[] }

/** Hash of a word, case folded before; a collision could only cost a false finding, never hide one. */
export const hashWord = (word: string): number => {
  let hash = 0
  for (let i = 0; i < word.length; i++) hash = (Math.imul(hash, 31) + word.charCodeAt(i)) | 0
  return hash
}

function compile(): {
  readonly words: ReadonlyMap<number, Word>
  readonly marks: ReadonlyMap<string, readonly Step[]>
  readonly steps: number
} {
  const byWord = new Map<string, Step[]>()
  let id = 0
  for (const { code, says, crosses } of PHRASES) {
    for (const chain of says) {
      let before = -1
      let gap = 1
      const parts = chain.split(' ')
      for (const [i, part] of parts.entries()) {
        if (/^\d+$/.test(part)) gap = Number(part)
        else {
          const step: Step = { id: id++, before, gap, crosses: crosses === true, ...(i === parts.length - 1 && { code }) }
          // Later steps first: one word must not be two steps of one chain.
          for (const word of part.split('|')) byWord.set(word, [step, ...(byWord.get(word) ?? [])])
          before = step.id
          gap = 1
        }
      }
    }
  }
  const plain = [...byWord].filter(([word]) => !word.startsWith('@'))
  return {
    words: new Map(plain.map(([word, steps]) => [hashWord(word), { length: word.length, steps }])),
    marks: new Map([...byWord].filter(([word]) => word.startsWith('@'))),
    steps: id,
  }
}

export const COMPILED = compile()
