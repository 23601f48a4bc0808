// Whose telemetry it is (OpenTelemetry conventions for `service`): the same on every span and metric of one process.

import type { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'

export type OtlpResource = Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0][number]['resource']

/** `instance` tells replicas and restarts apart; it names no machine. */
export function otlpResource(version: string, instance: string): OtlpResource {
  const attributes = { 'service.name': 'gatehouse', 'service.version': version, 'service.instance.id': instance }
  const resource: OtlpResource = { attributes, merge: other => other ?? resource, getRawAttributes: () => Object.entries(attributes) }
  return resource
}
