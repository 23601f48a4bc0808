// A subscriber that keeps what it heard.

import type { UpstreamChanges } from '../../../src/bridge/upstream.ts'

export class Changes implements UpstreamChanges {
  readonly seen: string[] = []
  readonly messages: any[] = []
  listChanged(kind: string): void {
    this.seen.push(`list ${kind}`)
  }
  resourceUpdated(uri: string, message: { readonly bytes: Buffer }): void {
    this.seen.push(`updated ${uri}`)
    this.messages.push(JSON.parse(message.bytes.toString()))
  }
  other(method: string, message: { readonly bytes: Buffer }): void {
    this.seen.push(method)
    this.messages.push(JSON.parse(message.bytes.toString()))
  }
  interrupted(): void {
    this.seen.push('interrupted')
  }
  ended(reason: string): void {
    this.seen.push(`ended ${reason}`)
  }
}
