// Which outlet serves which kind of sink.

import type { Outlet } from '../../delivery/outlet.ts'
import type { SinkSettings } from '../../delivery/settings.ts'
import { FileOutlet } from './file-outlet.ts'
import { otlpOutlet, webhookOutlet } from './http-outlets.ts'
import { RedisOutlet } from './redis-outlet.ts'
import { SyslogOutlet } from './syslog-outlet.ts'

/** `version`: this build's. */
export function outletOf(sink: SinkSettings, version: string): Outlet {
  switch (sink.kind) {
    case 'file':
      return new FileOutlet(sink)
    case 'syslog':
      return new SyslogOutlet(sink)
    case 'otlp':
      return otlpOutlet(sink, version)
    case 'webhook':
      return webhookOutlet(sink, Date.now)
    case 'redis':
      return new RedisOutlet(sink)
  }
}
