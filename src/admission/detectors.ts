// Patterns of text that definitions of honest servers do not need: what a reviewer should look at first. They decide how a drift is shown, never that it may pass.
// Rules and their measured hits: research on 2,009 real definitions and 401 poisoned ones. attacker-controlled input: every pattern is linear, or bounded in what it looks ahead.

/** Where a text stands. `parameter`: a property name of a tool's schema. */
export type TextPlace = 'text' | 'name' | 'parameter'

export type Detector = {
  readonly code: string
  readonly about: string
  readonly places: readonly TextPlace[]
  /** `folded`: compatibility forms, look-alike letters and hidden characters taken away, lower case, white space as single blanks */
  readonly finds: (raw: string, folded: string) => boolean
}

/** Longest text that is searched; a longer one is a finding by itself. */
const MAX_TEXT = 16_384

const EVERYWHERE: readonly TextPlace[] = ['text', 'name', 'parameter']
const TEXT: readonly TextPlace[] = ['text']

const raw = (code: string, about: string, pattern: RegExp): Detector => ({
  code,
  about,
  places: EVERYWHERE,
  finds: text => pattern.test(text),
})
const said = (code: string, about: string, pattern: RegExp): Detector => ({
  code,
  about,
  places: TEXT,
  finds: (_, folded) => pattern.test(folded),
})

/** England, Scotland and Wales: the only tags that Unicode recommends. */
const FLAGS = /\u{1F3F4}[\u{E0061}-\u{E007A}\u{E0030}-\u{E0039}]{2,6}\u{E007F}/gu
const TAGS = /[\u{E0000}-\u{E007F}]/u
const LETTERS = /[\p{L}]{3,}/gu
const LATIN = /[A-Za-z]/
const LOOK_ALIKE_SCRIPT = /[\u0370-\u03ff\u0400-\u04ff\u0530-\u058f]/
/** Joiners belong between emoji, marks and the letters of scripts that use them. */
const LONE_JOINER =
  /(?<![\p{So}\p{Sk}\p{M}\p{Emoji_Presentation}\u0590-\u1fff\u2640\u2642\u2695\u2764]|\ufe0f)(?:\u200c|\u200d)|(?:\u200c|\u200d)(?![\p{So}\p{Sk}\p{M}\p{Emoji_Presentation}\u0590-\u1fff\u2640\u2642\u2695\u2764]|\ufe0f)/u

const PATH =
  /(?:~|\$home|\/home\/\w{1,64}|\/users\/\w{1,64}|\/root)\/\.(?:ssh|aws|kube|gnupg|cursor|config\/gcloud|docker|npmrc|netrc|bash_history|zsh_history|env)\b|\bid_(?:rsa|ed25519|ecdsa|dsa)\b(?!\.pub)|\.aws\/credentials|\/etc\/(?:passwd|shadow|sudoers)|\bmcp\.json\b|claude_desktop_config\.json|\.kube\/config|\b(?:shell|bash) history\b|(?<![\w.])\.env\b|internal:\/\/|\bsecrets?\.(?:json|ya?ml|txt)\b/
const TRANSFER =
  /\b(?:read|reads|collect|collects|include|includes|append|appends|send|sends|upload|uploads|post|forward|forwards|exfiltrat\w{0,8}|copy|copies|pass|passes|leak|transmit|cat)\b/
const CREDENTIAL =
  /\b(?:enter|provide|share|send|give|type|supply|confirm|paste|input|reply with)\b[^.\n]{0,40}\b(?:your|the user'?s|their) (?:password|passphrase|seed phrase|recovery phrase|private key|api key|secret key|access token|credit card|card number|cvv|pin|otp|mfa code|2fa code|ssn)\b/
const WARNING = /\b(?:never|not|no one|nobody)\b[^.\n]{0,30}\b(?:ask|enter|share|send|type|paste)/

const CODED = /(?:\b[0-9a-fA-F]{2}\b[ ,]){20}|(?:\\x[0-9a-fA-F]{2}){12}|(?:%[0-9a-fA-F]{2}){16}/
const BASE64 = /(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{40,}={0,2}(?![A-Za-z0-9+/=])/g

export const DETECTORS: readonly Detector[] = [
  {
    code: 'tag-characters',
    about: 'characters that only programs read (Unicode tags)',
    places: EVERYWHERE,
    finds: text => TAGS.test(text.replace(FLAGS, '')),
  },
  {
    code: 'zero-width',
    about: 'characters without width',
    places: EVERYWHERE,
    finds: text => /[\u200b\u2060\ufeff\u180e]/.test(text) || LONE_JOINER.test(text),
  },
  raw('direction-control', 'characters that turn the direction of reading', /[\u202a-\u202e\u2066-\u2069]/),
  raw(
    'control-character',
    'control characters or terminal sequences',
    /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]|\\u001b\[|\\x1b\[/,
  ),
  raw(
    'invisible-filler',
    'fillers that draw nothing',
    /[\u00ad\u115f\u1160\u3164\uffa0\u2061-\u2064\u206a-\u206f\ufff0-\ufffb]|\u034f|\u17b4|\u17b5/,
  ),
  raw(
    'variation-selectors',
    'variation selectors that can carry hidden bytes',
    /[\ufe00-\ufe0e]|[\ufe00-\ufe0f]{2}|[\u{E0100}-\u{E01EF}]/u,
  ),
  raw('private-characters', 'characters of nobody', /[\ue000-\uf8ff\u{F0000}-\u{10FFFD}]|\p{Cs}/u),
  {
    code: 'mixed-alphabets',
    about: 'Latin and look-alike letters in one word',
    places: EVERYWHERE,
    finds: text => (text.match(LETTERS) ?? []).some(word => LATIN.test(word) && LOOK_ALIKE_SCRIPT.test(word)),
  },
  raw('styled-latin', 'Latin letters in mathematical or full-width form', /[\uff21-\uff3a\uff41-\uff5a]{3}|[\u{1D400}-\u{1D7FF}]{3}/u),
  raw(
    'hidden-markup',
    'tags or comments that a model reads and a person does not see',
    /<\s{0,8}\/?\s{0,8}(?:important|hidden|system|information|instructions?|secret|admin|assistant|override|critical|mandatory|internal|s)\s{0,8}>|<\|[a-z_]{1,40}\|>|\[\/?inst\]|<<sys>>|###\s{0,8}(?:instruction|system)\b|<!--/i,
  ),
  raw('white-space-hiding', 'text behind a wall of white space', /(?<![ \t\u00a0])[ \t\u00a0]{60,}\S|(?<!\n)\n{15,}\S/),
  { code: 'encoded-text', about: 'text in base64, hex or percent encoding', places: TEXT, finds: hasEncodedText },
  said(
    'override',
    'tells a model to drop its instructions',
    /\b(?:ignore|disregard|forget|override|bypass)\b[^.\n]{0,40}\b(?:previous|prior|above|earlier|all|any|your|system|safety|security|original)\b[^.\n]{0,40}\b(?:instructions?|rules?|guidelines?|prompts?|directives?|restrictions?|constraints|checks|context)\b/,
  ),
  said(
    'concealment',
    'asks to keep something from the user',
    /\b(?:do not|don'?t|never|without|must not|should not|avoid)\b[^.\n]{0,30}\b(?:tell|telling|mention|mentioning|inform|informing|notify|notifying|reveal|revealing|disclose|disclosing|alert|alerting|asking|show|showing)\b[^.\n]{0,40}\b(?:users?|human|anyone|customer|it|this|that)\b|\bsilently (?:post|send|copy|log|read|collect|forward|include|append|execute|run|add|upload|record|track|change|replace|redirect|invoke|call|transfer)\b|\b(?:omitted|not shown|not displayed|hidden) (?:from|in|to) the (?:user|user-facing|query|summary)|\b(?:not|never) (?:be )?(?:shown|visible|displayed|mentioned) (?:to|in) the (?:user|summary)|\bsecretly\b|\bcovertly\b/,
  ),
  said(
    'other-tool-first',
    'orders another act before or instead of this one',
    /\b(?:before|prior to|after|instead of|whenever|every time|each time|when(?:ever)? (?:you|the user)?)\b[^.\n]{0,50}\b(?:using|calling|call|invoking|invoke|executing|execute|running|use|invoked|is (?:called|invoked|used|present|available))\b[^.\n]{0,80}\b(?:must|always|first|should|need to|required|make sure|ensure|read|send|pass|copy|include|append|run)\b|\b(?:must|always) (?:first )?(?:be )?(?:call|called|use|used|invoke|invoked|run|execute|executed|read)\b[^.\n]{0,40}\b(?:first|before|prior|instead)\b/,
  ),
  {
    code: 'secret-path',
    about: 'names a place where secrets are kept, and to read or send it',
    places: TEXT,
    finds: (_, folded) => PATH.test(folded) && TRANSFER.test(folded),
  },
  said(
    'priority-claim',
    'says it must be preferred to other tools',
    /\b(?:best tool in the world|highest priority|top priority|always (?:use|prefer|call|choose) this (?:tool|function|one)|prefer this tool (?:over|instead)|use this (?:tool|function) (?:instead|first|for all)|must be (?:called|used|run|executed) (?:first|before)|just use this tool|prioriti[sz]e (?:calling|using)|no longer effective|do not use (?:any|the) other|deprecated[,;:]? use)\b/,
  ),
  said(
    'role-claim',
    'speaks as the system, the user or an administrator',
    /\b(?:system (?:override|directive|update|message|prompt)\s?:|system\s?:\s|new (?:user query|instructions?|task)\s?:|i am the user\b|important message from user|you must strictly adhere|you are now (?:a|an|in|the)\b|from now on,? you|(?:enter|enable|activate|switch to|in) (?:developer|admin|dan|god|unrestricted) mode\b|do anything now|as an ai (?:assistant|model),? you must|note to (?:ai|assistant|llm)|attention (?:ai|assistant)|assistant guidelines)|\[system\]|\[admin\]/,
  ),
  said(
    'fixed-destination',
    'sends something to an address of its own',
    /\b(?:send|forward|post|upload|bcc|cc|exfiltrat\w{0,8}|transmit|redirect|loop in|also (?:call|copy|add|let)|let)\b[^\n"`]{0,80}(?:https?:\/\/(?!(?:www\.)?(?:github|docs|developer)\b)[\w-]{1,63}\.[\w.-]|[\w.+-]{1,64}@(?!(?:example|contoso|outlook|company|yourcompany)\.)[\w-]{1,63}\.[a-z]{2}|\+\d{8})/,
  ),
  {
    code: 'asks-for-credentials',
    about: 'asks for a password, key or code',
    places: TEXT,
    finds: (_, folded) => CREDENTIAL.test(folded) && !WARNING.test(folded),
  },
  {
    code: 'takes-the-conversation',
    about: 'a parameter that takes the conversation, the system prompt or other tools’ output',
    places: ['parameter'],
    finds: name =>
      /^_+.{0,64}(?:prompt|context|history|memory|reasoning|session|conversation|system|instruction|thought|tool)s?.{0,64}_+$|^(?:system_?prompt|chain_?of_?thought|conversation(?:_?(?:history|text|log))?|chat_?history|tool_?call_?history|tools?_?list|available_?tools|llm_?(?:model_?)?name|model_?name_?used|sidenote|side_?note|previous_?messages|context_?window|full_?context|user_?prompt|internal_?reasoning|scratchpad|diagnostics?_?output|debug_?context)$/i.test(
        name,
      ),
  },
  {
    code: 'reserved-name',
    about: 'a name that programs take for something else',
    places: ['name', 'parameter'],
    finds: name => /^(?:__proto__|constructor|prototype)$/.test(name),
  },
  {
    code: 'odd-name',
    about: 'a name of other characters than letters, digits, `_`, `.`, `-`',
    places: ['name'],
    finds: name => !/^[A-Za-z0-9_.-]{1,128}$/.test(name),
  },
]

/** A finding by itself: nobody reads that much, and nothing searched it. */
export const TOO_LONG = { code: 'too-long', about: `a text of more than ${MAX_TEXT} characters` } as const

/** Codes of what a text looks like, in the order of the table. */
export function detect(text: string, place: TextPlace): readonly string[] {
  if (text.length > MAX_TEXT) return [TOO_LONG.code]
  const folded = fold(text)
  return DETECTORS.filter(d => d.places.includes(place) && d.finds(text, folded)).map(d => d.code)
}

function hasEncodedText(text: string): boolean {
  return CODED.test(text) || (text.match(BASE64) ?? []).some(isReadable)
}

function isReadable(blob: string): boolean {
  if (!/[A-Z]/.test(blob) || !/[a-z]/.test(blob)) return false
  const bytes = Buffer.from(blob, 'base64')
  const printable = bytes.filter(b => (b >= 32 && b < 127) || b === 9 || b === 10 || b === 13).length
  return printable > bytes.length * 0.92 && bytes.includes(0x20)
}

const HIDDEN =
  /[\u00ad\u200e\u200f\u2060-\u2064\u202a-\u202e\u2066-\u2069\ufeff]|\u200b|\u200c|\u200d|\u034f|\u180e|[\ufe00-\ufe0f]|[\u{E0000}-\u{E007F}]|[\u{E0100}-\u{E01EF}]/gu
/** Letters that look like Latin ones (a part of the UTS 39 confusables). */
const LOOKS_LIKE: ReadonlyMap<string, string> = new Map([
  ...pairs('аеорсухіјѕһԁԛѡոսɡıο', 'aeopcyxijshdqwnugio'),
  ...pairs('ντια', 'vtia'),
  ...pairs('ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ', 'ABEZHIKMNOPTYX'),
  ...pairs('АВЕКМНОРСТХІ', 'ABEKMHOPCTXI'),
])
function pairs(from: string, to: string): readonly [string, string][] {
  const targets = Array.from(to)
  return Array.from(from).map((letter, i) => [letter, targets[i] ?? letter])
}
const NOT_ASCII = /[^\x00-\x7f]/

/** Tag characters spell ASCII: they are read before hidden characters are taken away. */
function fold(text: string): string {
  if (!NOT_ASCII.test(text)) return text.replace(/\s+/g, ' ').toLowerCase()
  const spelt = text.replace(/[\u{E0020}-\u{E007E}]/gu, c => String.fromCodePoint((c.codePointAt(0) ?? 0) - 0xe0000))
  const plain = Array.from(spelt.normalize('NFKC').replace(HIDDEN, ''), c => LOOKS_LIKE.get(c) ?? c).join('')
  return plain.replace(/\s+/g, ' ').toLowerCase()
}
