// What a server may ask of hosts beyond whether it may ask at all: the settings of one upstream's gates (`upstreams.<alias>.gates`).

/** Kinds of questions. The same words as in allow rules. */
export const QUESTION_KINDS = ['elicitation.form', 'elicitation.url', 'sampling', 'sampling.tools', 'roots'] as const
export type QuestionKind = (typeof QUESTION_KINDS)[number]

/** At most `count` in that time. */
type Rate = { readonly count: number; readonly seconds: number }

/** Counts are per server and user. */
export type GateSettings = {
  /** kinds whose every request a person approves first; default none */
  readonly approval: ReadonlySet<QuestionKind>
  /** questions of any kind; default 120 in 60 s */
  readonly rate: Rate
  readonly sampling: {
    /** sampling requests; default 30 in 60 s */
    readonly rate: Rate
    /** tokens: what requests may write, and one for every four bytes of them; default 200,000 in 3600 s */
    readonly tokens: Rate
    /** `maxTokens` of one request; more is lowered to it; default 4096 */
    readonly maxTokens: number
    /** hints of models that pass, a trailing `*` for what starts with the rest; empty = all. Others are taken out */
    readonly models: readonly string[]
    /** false: `systemPrompt` is taken out; default true */
    readonly systemPrompt: boolean
    /** messages of one request; default 64 */
    readonly messages: number
    /** bytes of one request; default 256 KiB */
    readonly maxBytes: number
    /** tools of one request; default 32 */
    readonly tools: number
  }
  readonly elicitation: {
    /** fields of one form; default 24 */
    readonly fields: number
    /** bytes of one form's schema; default 16 KiB */
    readonly maxBytes: number
    /** characters of a message; default 4000 */
    readonly message: number
    /** origins (`https://accounts.example.com`) that people may be sent to; empty = none */
    readonly origins: ReadonlySet<string>
  }
  readonly roots: {
    /** `file://` prefixes that end in `/`; roots elsewhere are taken out of the answer. Empty = every root passes */
    readonly within: readonly string[]
    /** roots of one answer; default 64 */
    readonly most: number
  }
}
