// Redis Streams: the ids that events get, the script that appends them, and what its answer means.

import type { Sent, Shipment } from './outlet.ts'

/**
 * Appends a shipment to a stream whole in one step, in order, each event once. The id of an event is `<seq>-1`: Redis takes no id twice and none that is not greater
 * than the last, so what came before a crash is known, and dropped, by the stream itself. Dead letters that are sent again come late: `<last seq>-<n>`, n from 2 on.
 *
 * KEYS[1] the stream. ARGV: origin, after, `1` for a replay, largest length or ``, believed; then seq, leaf, checkpoint and text of each.
 * What it has already is there under its id, or was trimmed; whoever may write to the stream could also have used up ids that nothing was sent under. So where an
 * entry is missing the last one is named, and believed is the seq up to which the caller found the log to agree.
 * A stream whose entries were all removed says nothing of who wrote them: then an id that is not smaller than the first to be added stops it, as it would lose events silently.
 * Answers `{ok, n}`; `{behind, last}`: it ends before what it took; `{ahead, last, leaf}`: see above; `{foreign}`: somebody else writes to it, or another log does; `{error, n, what}`: n were taken.
 */
export const APPEND = `
local key, origin, after, isReplay, maxlen, believed = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1', ARGV[4], tonumber(ARGV[5])
local last, part = -1, 0
local function leafOf(entry)
  if entry then for j = 1, #entry[2], 2 do if entry[2][j] == 'leaf' then return entry[2][j + 1] end end end
  return ''
end
if redis.call('EXISTS', key) == 1 then
  local info = redis.pcall('XINFO', 'STREAM', key)
  if info.err then return {'error', 0, info.err} end
  local id
  for i = 1, #info, 2 do if info[i] == 'last-generated-id' then id = info[i + 1] end end
  local ms, n = string.match(id, '^(%d+)-(%d+)$')
  if ms ~= '0' or n ~= '0' then last, part = tonumber(ms), tonumber(n) end
  local newest = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  if newest then
    local found
    for i = 1, #newest[2], 2 do if newest[2][i] == 'origin' then found = newest[2][i + 1] end end
    if found ~= origin then return {'foreign'} end
  elseif not isReplay and last >= tonumber(ARGV[6]) then
    return {'foreign'}
  end
end
if last < after then return {'behind', last} end
local done = 0
for i = 6, #ARGV, 4 do
  local seq = tonumber(ARGV[i])
  local id
  if isReplay then
    if last < 0 then last, part = seq, 0 end
    part = part + 1
    id = string.format('%.0f-%.0f', last, part)
  elseif seq <= last then
    local there = redis.call('XRANGE', key, ARGV[i] .. '-1', ARGV[i] .. '-1')[1]
    if there then
      if leafOf(there) ~= ARGV[i + 1] then return {'foreign'} end
    elseif seq > believed then
      local id = string.format('%.0f-1', last)
      return {'ahead', string.format('%.0f', last), leafOf(redis.call('XRANGE', key, id, id)[1])}
    end
  else
    id = ARGV[i] .. '-1'
  end
  if id then
    local add = {'XADD', key}
    if maxlen ~= '' then add[3], add[4], add[5] = 'MAXLEN', '~', maxlen end
    for _, value in ipairs({id, 'seq', ARGV[i], 'leaf', ARGV[i + 1], 'checkpoint', ARGV[i + 2], 'origin', origin, 'event', ARGV[i + 3]}) do add[#add + 1] = value end
    local answer = redis.pcall(unpack(add))
    if type(answer) == 'table' and answer.err then return {'error', done, answer.err} end
  end
  done = done + 1
end
return {'ok', done}
`

/** Arguments of the script. `believed`: -1 where nothing was asked of the log. INVARIANT: at least one parcel, all of one log. */
export const appendArguments = ({ parcels, after, isReplay }: Shipment, maxLength: number | undefined, believed = -1): string[] => [
  parcels[0]?.origin ?? '',
  String(after),
  isReplay ? '1' : '0',
  maxLength === undefined ? '' : String(maxLength),
  String(believed),
  ...parcels.flatMap(({ seq, leaf, checkpoint, text }) => [String(seq), leaf, String(checkpoint), text]),
]

/** That it has more than was known, with its last; undefined for every other answer. */
export function aheadIn(answer: unknown): { readonly seq: number; readonly leaf: string } | undefined {
  const [what, last, leaf] = Array.isArray(answer) ? (answer as readonly unknown[]) : []
  return what === 'ahead' ? { seq: Number(last), leaf: String(leaf) } : undefined
}

/** What the script answered. attacker-controlled: whatever is at the other end of the connection may answer anything. */
export function appended(answer: unknown, parcels: number): Sent {
  const [what, first, error] = Array.isArray(answer) ? (answer as readonly unknown[]) : []
  const count = Number(first)
  const isCount = Number.isInteger(count) && count >= 0 && count <= parcels
  switch (what) {
    case 'ok':
      if (isCount && count === parcels) return { taken: count }
      break
    case 'behind':
      if (Number.isInteger(count) && count >= -1)
        return {
          taken: 0,
          trouble: { is: 'behind', from: count + 1, why: 'the stream ends before what it took: Redis lost or removed it' },
        }
      break
    case 'foreign':
      return {
        taken: 0,
        trouble: { is: 'later', why: 'the stream holds events of another log, or of somebody else: name another `stream`, or remove it' },
      }
    case 'error':
      if (isCount) return { taken: count, trouble: { is: 'later', why: `Redis answered ${errorCode(error)}` } }
  }
  return { taken: 0, trouble: { is: 'later', why: 'what answered is no Redis with scripts and streams' } }
}

/** The first word of an error of Redis, which is its kind: `OOM`, `NOAUTH`, `READONLY`, `LOADING`. The rest may repeat arguments. */
export function errorCode(message: unknown): string {
  const [code] = typeof message === 'string' ? message.split(' ', 1) : []
  return code !== undefined && /^[A-Z]{2,20}$/.test(code) ? code : 'with an error'
}
