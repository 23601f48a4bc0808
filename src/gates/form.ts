// Forms of elicitation (MCP 2026-07-28 elicitation, PrimitiveSchemaDefinition): flat, of the primitive types, every keyword known, so that what a person is
// shown is all there is. Nothing else passes: a keyword that a host does not know is a field that nobody sees.

/** One field. `values`: what may be chosen. Bounds are of the length, the number or the count, by type. */
export type Field = {
  readonly name: string
  readonly isRequired: boolean
  readonly type: 'string' | 'number' | 'integer' | 'boolean' | 'choice' | 'choices'
  readonly min?: number
  readonly max?: number
  readonly format?: string
  readonly values?: readonly string[]
}
export type Form = readonly Field[]

type Plain = Readonly<Record<string, unknown>>

const MAX_NAME = 64
const MAX_TITLE = 200
const MAX_DESCRIPTION = 1000
const MAX_CHOICES = 100
const FORMATS: ReadonlySet<unknown> = new Set(['email', 'uri', 'date', 'date-time'])
const NAMES_OF_OBJECTS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

const WHOLE: ReadonlySet<string> = new Set(['$schema', 'type', 'title', 'description', 'properties', 'required', 'additionalProperties'])
const ANY = ['type', 'title', 'description', 'default']
const KEYWORDS = {
  string: new Set([...ANY, 'minLength', 'maxLength', 'format']),
  number: new Set([...ANY, 'minimum', 'maximum']),
  boolean: new Set(ANY),
  choice: new Set([...ANY, 'enum', 'enumNames', 'oneOf']),
  choices: new Set([...ANY, 'items', 'minItems', 'maxItems']),
} as const

/** Reads a `requestedSchema`, plain data. A string says what is wrong with it, in words of ours alone. */
export function readForm(schema: unknown, maxFields: number): Form | string {
  if (!isPlain(schema)) return 'the form has no schema'
  if (schema['type'] !== 'object') return 'the schema of the form is no object'
  if (Object.keys(schema).some(key => !WHOLE.has(key))) return 'the schema of the form has a keyword that forms do not have'
  if (!isShort(schema['title'], MAX_TITLE) || !isShort(schema['description'], MAX_DESCRIPTION) || !isShort(schema['$schema'], MAX_TITLE))
    return 'the form has a title or a description that is none, or too long'
  if ('additionalProperties' in schema && schema['additionalProperties'] !== false) return 'the form takes fields that it does not name'
  const { properties } = schema
  if (!isPlain(properties)) return 'the form names no fields'
  const names = Object.keys(properties)
  if (names.length > maxFields) return `the form has ${names.length} fields, and ${maxFields} are permitted`
  const required = requiredOf(schema['required'], new Set(names))
  if (typeof required === 'string') return required
  const fields: Field[] = []
  for (const [at, name] of names.entries()) {
    if (name === '' || name.length > MAX_NAME || NAMES_OF_OBJECTS.has(name)) return `field ${at + 1} has a name that fields do not have`
    const rule = readField(properties[name])
    if (typeof rule === 'string') return `field ${at + 1} ${rule}`
    fields.push({ name, isRequired: required.has(name), ...rule })
  }
  return fields
}

function requiredOf(value: unknown, names: ReadonlySet<string>): ReadonlySet<string> | string {
  if (value === undefined) return new Set()
  if (!isTexts(value)) return '`required` of the form is no list of names'
  return value.every(name => names.has(name)) ? new Set(value) : 'the form requires a field that it does not show'
}

type Rule = Omit<Field, 'name' | 'isRequired'>

function readField(value: unknown): Rule | string {
  if (!isPlain(value)) return 'is no schema'
  if (!isShort(value['title'], MAX_TITLE)) return 'has a title that is none, or too long'
  if (!isShort(value['description'], MAX_DESCRIPTION)) return 'has a description that is none, or too long'
  switch (value['type']) {
    case 'string':
      return 'enum' in value || 'oneOf' in value ? choiceOf(value) : textOf(value)
    case 'number':
    case 'integer':
      return numberOf(value, value['type'])
    case 'boolean':
      return only(value, 'boolean') ?? suiting(value, { type: 'boolean' })
    case 'array':
      return choicesOf(value)
    default:
      return 'is of no type that forms have: they are flat'
  }
}

function textOf(value: Plain): Rule | string {
  const { minLength, maxLength, format } = value
  if (format !== undefined && !FORMATS.has(format)) return 'has a format that forms do not have'
  return only(value, 'string') ?? bounded(value, [minLength, maxLength], { type: 'string', ...(typeof format === 'string' && { format }) })
}
const numberOf = (value: Plain, type: 'number' | 'integer'): Rule | string =>
  only(value, 'number') ?? bounded(value, [value['minimum'], value['maximum']], { type })

function choiceOf(value: Plain): Rule | string {
  const values = valuesOf(value, 'oneOf')
  if (typeof values === 'string') return values
  const { enumNames } = value
  if (enumNames !== undefined && (!isTexts(enumNames) || enumNames.length !== values.length || !enumNames.every(isTitle)))
    return 'has other names than choices'
  return only(value, 'choice') ?? suiting(value, { type: 'choice', values })
}
function choicesOf(value: Plain): Rule | string {
  const { items, minItems, maxItems } = value
  if (!isPlain(items)) return 'is of no type that forms have: they are flat'
  const extra = Object.keys(items).some(key => key !== 'type' && key !== 'enum' && key !== 'anyOf')
  if (extra || ('enum' in items && items['type'] !== 'string')) return 'has choices of no type that forms have'
  const values = valuesOf(items, 'anyOf')
  if (typeof values === 'string') return values
  return only(value, 'choices') ?? bounded(value, [minItems, maxItems], { type: 'choices', values })
}

/** Choices, with titles or without. */
function valuesOf(value: Plain, titled: 'oneOf' | 'anyOf'): readonly string[] | string {
  const listed = value['enum'] ?? value[titled]
  if (!Array.isArray(listed) || ('enum' in value && titled in value)) return 'has no choices'
  if (listed.length === 0 || listed.length > MAX_CHOICES) return `has ${listed.length} choices, and 1 to ${MAX_CHOICES} are permitted`
  const values = 'enum' in value ? (listed as unknown[]) : listed.map(titledValue)
  return values.every(isTitle) && new Set(values).size === values.length ? values : 'has a choice that is none, or one twice'
}
function titledValue(each: unknown): unknown {
  const isKnown = isPlain(each) && Object.keys(each).every(key => key === 'const' || key === 'title') && isTitle(each['title'])
  return isKnown ? each['const'] : undefined
}

function bounded(value: Plain, [min, max]: readonly [unknown, unknown], rule: Rule): Rule | string {
  const is = rule.type === 'number' || rule.type === 'integer' ? Number.isFinite : isCount
  const isBound = (bound: unknown): bound is number | undefined => bound === undefined || (typeof bound === 'number' && is(bound))
  if (!isBound(min) || !isBound(max)) return 'has a bound that is none'
  if (min !== undefined && max !== undefined && min > max) return 'has bounds that nothing meets'
  return suiting(value, { ...rule, ...(min !== undefined && { min }), ...(max !== undefined && { max }) })
}
/** A default is what a hasty person answers: it has to be an answer. */
const suiting = (value: Plain, rule: Rule): Rule | string =>
  value['default'] === undefined || fits(rule, value['default']) ? rule : 'has a default that is no answer to it'

const only = (value: Plain, kind: keyof typeof KEYWORDS): string | undefined =>
  Object.keys(value).every(key => (KEYWORDS[kind] as ReadonlySet<string>).has(key)) ? undefined : 'has a keyword that forms do not have'

/** Whether this is an answer to the form: its fields alone, all that are required, each as it was asked for. A string says what is wrong. */
export function contentProblem(form: Form, content: unknown): string | undefined {
  if (!isPlain(content)) return form.some(({ isRequired }) => isRequired) ? 'it has no content' : undefined
  const names = new Set(form.map(({ name }) => name))
  if (Object.keys(content).some(key => !names.has(key))) return 'it has a field that was not asked for'
  for (const [at, field] of form.entries()) {
    if (!Object.hasOwn(content, field.name)) {
      if (field.isRequired) return `field ${at + 1} is required`
    } else if (!fits(field, content[field.name])) return `field ${at + 1} is not as it was asked for`
  }
  return undefined
}

function fits({ type, min = -Infinity, max = Infinity, format, values = [] }: Rule, value: unknown): boolean {
  const isWithin = (size: number): boolean => size >= min && size <= max
  switch (type) {
    case 'string':
      return typeof value === 'string' && isWithin(charactersOf(value)) && (format === undefined || isOfFormat(format, value))
    case 'number':
    case 'integer':
      return typeof value === 'number' && (type === 'number' || Number.isInteger(value)) && isWithin(value)
    case 'boolean':
      return typeof value === 'boolean'
    case 'choice':
      return typeof value === 'string' && values.includes(value)
    case 'choices':
      return isTexts(value) && isWithin(value.length) && new Set(value).size === value.length && value.every(each => values.includes(each))
  }
}

/** Lengths of JSON Schema count code points. */
const charactersOf = (text: string): number => text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0)

/** Longest text that a format is looked for in. */
const MAX_FORMATTED = 4096
function isOfFormat(format: string, value: string): boolean {
  if (value.length > MAX_FORMATTED) return false
  switch (format) {
    case 'email':
      return /^[^\s@]{1,256}@[^\s@]{1,256}$/.test(value)
    case 'uri':
      return URL.canParse(value)
    case 'date':
      return /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value))
    default:
      return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/i.test(value) && !Number.isNaN(Date.parse(value))
  }
}

const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(each => typeof each === 'string')
const isTitle = (value: unknown): value is string => typeof value === 'string' && value.length <= MAX_TITLE
const isShort = (value: unknown, most: number): boolean => value === undefined || (typeof value === 'string' && value.length <= most)
const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0
