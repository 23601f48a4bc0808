// What must hold of rules about arguments.

import type { Reading } from './reading.ts'
import type { UpstreamDocument } from './upstream-table.ts'

const CONDITIONS = ['roots', 'url', 'command', 'identifier', 'pattern', 'maxLength'] as const

export function checkArgumentRules({ arguments: settings }: UpstreamDocument, at: string, reading: Reading): void {
  settings.rules.forEach((rule, index) => {
    const place = `${at}.arguments.rules[${index}]`
    if (rule.tools.length === 0 && rule.prompts.length === 0 && !reading.isFaulty(place))
      reading.fault('missing', place, 'is about no tool and no prompt', "name some under `tools` or `prompts`, or `tools: ['*']`")
    if (CONDITIONS.every(name => rule[name] === undefined) && !reading.isFaulty(place))
      reading.fault('missing', place, 'says nothing about its argument', `add one of ${CONDITIONS.join(', ')}`)
    for (const name of ['roots', 'command'] as const)
      if (rule[name]?.length === 0 && !reading.isFaulty(`${place}.${name}`))
        reading.fault('range', `${place}.${name}`, 'permits nothing', 'name at least one, or leave it out')
    if (rule.url?.hosts.length === 0 && !reading.isFaulty(`${place}.url.hosts`))
      reading.fault('range', `${place}.url.hosts`, 'permits nothing', 'name at least one')
  })
}
