// Notifications that say: look again. Made by the bridge where it cannot know what changed while nothing connected it to the gateway.

export type Watched = {
  readonly lists: readonly ('tools' | 'prompts' | 'resources')[]
  /** JSON strings, as they stood on the wire */
  readonly uris: readonly string[]
}

/** One notification per watched list and resource. `meta`: JSON text of a `_meta` member for each, e.g. the subscription's stamp. */
export function changesOf({ lists, uris }: Watched, meta?: string): Buffer[] {
  const own = meta === undefined ? '' : `,"params":{${meta}}`
  const more = meta === undefined ? '' : `,${meta}`
  return [
    ...lists.map(kind => Buffer.from(`{"jsonrpc":"2.0","method":"notifications/${kind}/list_changed"${own}}`)),
    ...uris.map(uri => Buffer.from(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":${uri}${more}}}`)),
  ]
}
