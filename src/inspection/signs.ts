// What stands around a sign: pseudo-tags, addresses, places of secrets. Each looks at a bounded number of bytes.

const lower = (byte: number | undefined): number => {
  const b = byte ?? 0
  return b >= 0x41 && b <= 0x5a ? b | 0x20 : b
}
const isBlank = (b: number): boolean => b === 0x20 || b === 0x09 || b === 0x0a || b === 0x0d
const isAlnum = (b: number): boolean => (b >= 0x61 && b <= 0x7a) || (b >= 0x30 && b <= 0x39)
const isWord = (b: number): boolean => isAlnum(b) || b === 0x5f

/** `text` in lower case stands at `at`, whatever its case there. */
function isAt(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (lower(bytes[at + i]) !== text.charCodeAt(i)) return false
  return true
}
const endsBefore = (bytes: Uint8Array, at: number, text: string): boolean => at >= text.length && isAt(bytes, at - text.length, text)

/** Names that hide an instruction from people; the last four are not tags. */
export const MARKUP_NAMES: ReadonlySet<string> = new Set(
  'important hidden system information instruction instructions secret admin assistant override critical mandatory internal s comment chat inst heading'.split(
    ' ',
  ),
)
const BRACKETS = ['inst', 'system', 'admin']
const BLANKS = 8
const NAME = 16

function skipBlanks(bytes: Uint8Array, at: number): number {
  let i = at
  while (i < at + BLANKS && isBlank(bytes[i] ?? 0)) i++
  return i
}

/** The name of what looks like a tag, comment or marker for models at `<`, `[` or `#`. */
export function pseudoTagAt(bytes: Uint8Array, at: number, end: number): string | undefined {
  const found = bytes[at] === 0x3c ? angled(bytes, at) : bytes[at] === 0x5b ? bracketed(bytes, at) : heading(bytes, at)
  return found !== undefined && found.end <= end ? found.name : undefined
}
type Tag = { readonly name: string; readonly end: number }

function angled(bytes: Uint8Array, at: number): Tag | undefined {
  if (isAt(bytes, at, '<!--')) return { name: 'comment', end: at + 4 }
  if (isAt(bytes, at, '<<sys>>')) return { name: 'chat', end: at + 7 }
  if (bytes[at + 1] === 0x7c) {
    let i = at + 2
    while (i < at + 42 && (isAlnum(lower(bytes[i])) || bytes[i] === 0x5f)) i++
    return i > at + 2 && isAt(bytes, i, '|>') ? { name: 'chat', end: i + 2 } : undefined
  }
  let i = skipBlanks(bytes, at + 1)
  if (bytes[i] === 0x2f) i = skipBlanks(bytes, i + 1)
  let name = ''
  for (; name.length < NAME && isAlnum(lower(bytes[i])); i++) name += String.fromCharCode(lower(bytes[i]))
  i = skipBlanks(bytes, i)
  return name !== '' && bytes[i] === 0x3e ? { name, end: i + 1 } : undefined
}
function bracketed(bytes: Uint8Array, at: number): Tag | undefined {
  const from = bytes[at + 1] === 0x2f ? at + 2 : at + 1
  const name = BRACKETS.find(b => isAt(bytes, from, `${b}]`))
  return name === undefined ? undefined : { name, end: from + name.length + 1 }
}
function heading(bytes: Uint8Array, at: number): Tag | undefined {
  if (!isAt(bytes, at, '###') || bytes[at + 3] === 0x23) return undefined
  const from = skipBlanks(bytes, at + 3)
  const word = ['instructions', 'instruction', 'system'].find(w => isAt(bytes, from, w) && !isWord(lower(bytes[from + w.length])))
  return word === undefined ? undefined : { name: 'heading', end: from + word.length }
}

/** A backslash at `at`, and behind it `text` as it is written out. */
export const isWritten = (bytes: Uint8Array, at: number, text: string, end: number): boolean =>
  at + text.length < end && isAt(bytes, at + 1, text)

/** Hosts of documentation that descriptions link to. */
const DOCUMENTATION = ['github', 'docs', 'developer']
/** Domains that examples use. */
const EXAMPLES = ['example', 'contoso', 'outlook', 'company', 'yourcompany']

/** `://` at `at` belongs to the address of a host on the network that is not documentation. */
export function isElsewhere(bytes: Uint8Array, at: number, end: number): boolean {
  if (!endsBefore(bytes, at, 'http') && !endsBefore(bytes, at, 'https')) return false
  const from = isAt(bytes, at + 3, 'www.') ? at + 7 : at + 3
  if (DOCUMENTATION.some(host => isAt(bytes, from, host) && !isWord(lower(bytes[from + host.length])))) return false
  const dot = labelEnd(bytes, at + 3, end)
  return dot > at + 3 && bytes[dot] === 0x2e && dot + 1 < end && isAlnum(lower(bytes[dot + 1]))
}
/** What follows `://` is a user, a colon, something that is no placeholder, and `@`. */
export function passwordIn(bytes: Uint8Array, from: number, end: number): { readonly from: number; readonly end: number } | undefined {
  const limit = Math.min(end, from + 128)
  let colon = -1
  let password = -1
  for (let at = from; at < limit; at++) {
    const byte = bytes[at] ?? 0
    if (byte === 0x40) {
      if (password < 0 && !(colon > from && at - colon > 3)) return undefined
      // The last one ends it: a password may hold others.
      password = at
    } else if (byte === 0x3a) {
      if (colon < 0) colon = at
    } else if (byte <= 0x20 || byte === 0x2f || byte === 0x22 || byte === 0x3c || byte === 0x7b) break
  }
  return password < 0 ? undefined : { from: colon + 1, end: password }
}
/** `@` at `at` stands in a mail address whose domain is no example. */
export function isMail(bytes: Uint8Array, at: number, end: number): boolean {
  const before = lower(bytes[at - 1])
  if (at === 0 || !(isWord(before) || before === 0x2e || before === 0x2b || before === 0x2d)) return false
  if (EXAMPLES.some(domain => isAt(bytes, at + 1, `${domain}.`))) return false
  const dot = labelEnd(bytes, at + 1, end)
  return dot > at + 1 && bytes[dot] === 0x2e && dot + 2 < end && isAlnum(lower(bytes[dot + 1])) && isAlnum(lower(bytes[dot + 2]))
}
function labelEnd(bytes: Uint8Array, from: number, end: number): number {
  const limit = Math.min(end, from + 63)
  let at = from
  while (at < limit && (isWord(lower(bytes[at])) || bytes[at] === 0x2d)) at++
  return at
}

/** What has to stand before a word, so that both are a place where secrets are kept. */
const BEFORE: Readonly<Record<string, readonly string[]>> = {
  passwd: ['/etc/'],
  shadow: ['/etc/'],
  sudoers: ['/etc/'],
  credentials: ['.aws/', '.aws\\'],
  config: ['.kube/', '.kube\\'],
  gcloud: ['.config/', '.config\\'],
  json: ['mcp.', 'claude_desktop_config.', 'secret.', 'secrets.'],
  yaml: ['secret.', 'secrets.'],
  yml: ['secret.', 'secrets.'],
  txt: ['secret.', 'secrets.'],
  rsa: ['id_'],
  dsa: ['id_'],
  ecdsa: ['id_'],
  ed25519: ['id_'],
  history: ['bash_', 'zsh_', 'shell ', 'bash '],
}
const HIDDEN_FOLDERS: ReadonlySet<string> = new Set(['ssh', 'aws', 'kube', 'gnupg', 'docker', 'cursor'])
const HIDDEN_FILES: ReadonlySet<string> = new Set(['npmrc', 'netrc', 'env'])
/** Every word that `isSecretPlace` knows. */
export const PLACE_WORDS: readonly string[] = [...Object.keys(BEFORE), ...HIDDEN_FOLDERS, ...HIDDEN_FILES, 'internal']

/** The word at [from, end) is the end of a place of secrets: `~/.ssh`, `.env`, `/etc/passwd`, `id_rsa`. */
export function isSecretPlace(bytes: Uint8Array, from: number, end: number, limit: number): boolean {
  let word = ''
  for (let at = from; at < end && word.length < 16; at++) word += String.fromCharCode(lower(bytes[at]))
  const isDotted = from > 0 && bytes[from - 1] === 0x2e
  const beyond = from > 1 ? lower(bytes[from - 2]) : 0x20
  if (HIDDEN_FOLDERS.has(word)) return isDotted && (beyond === 0x2f || beyond === 0x5c)
  if (HIDDEN_FILES.has(word)) return isDotted && !isWord(beyond) && beyond !== 0x2e
  if (word === 'internal') return end + 3 <= limit && isAt(bytes, end, '://')
  if (!(BEFORE[word] ?? []).some(text => endsBefore(bytes, from, text))) return false
  return !(word.length <= 7 && endsBefore(bytes, from, 'id_') && isAt(bytes, end, '.pub'))
}
