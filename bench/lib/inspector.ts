// Drives V8's sampling profiler of a running process over its inspector port, so that start and warm-up stay out of the picture.

export type Profile = {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** A function and the bytes it allocated itself, with the functions it called below it. */
export type AllocationNode = {
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly selfSize: number
  readonly children: readonly AllocationNode[]
}

export class Inspector {
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  #number = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', event => {
      const message = JSON.parse(String(event.data)) as { id?: number; result?: unknown; error?: { message: string } }
      const wait = this.#waiting.get(message.id ?? -1)
      if (message.error) wait?.reject(new Error(message.error.message))
      else wait?.resolve(message.result)
    })
  }

  static async open(port: number): Promise<Inspector> {
    const list = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as { webSocketDebuggerUrl: string }[]
    const socket = new WebSocket(list[0]!.webSocketDebuggerUrl)
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', () => reject(new Error('no inspector')))
    })
    return new Inspector(socket)
  }

  send(method: string, params: object = {}): Promise<unknown> {
    const id = (this.#number += 1)
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }

  async startProfile(intervalUs: number): Promise<void> {
    await this.send('Profiler.enable')
    await this.send('Profiler.setSamplingInterval', { interval: intervalUs })
    await this.send('Profiler.start')
  }
  async stopProfile(): Promise<Profile> {
    return ((await this.send('Profiler.stop')) as { profile: Profile }).profile
  }

  /** Samples what is allocated, collected or not. */
  async startAllocations(intervalBytes: number): Promise<void> {
    await this.send('HeapProfiler.enable')
    const all = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true }
    await this.send('HeapProfiler.startSampling', { samplingInterval: intervalBytes, ...all })
  }
  async stopAllocations(): Promise<AllocationNode> {
    return ((await this.send('HeapProfiler.stopSampling')) as { profile: { head: AllocationNode } }).profile.head
  }

  close(): void {
    this.#socket.close()
  }
}
