// The whole environment of an upstream's process: a few basics by name plus what its settings say (N143). Nothing is inherited.

const BASICS = ['HOME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'LOGNAME', 'PATH', 'SHELL', 'TMPDIR', 'TZ', 'USER']
const WINDOWS_BASICS = ['APPDATA', 'COMSPEC', 'HOMEDRIVE', 'HOMEPATH', 'LOCALAPPDATA', 'PATH', 'PATHEXT', 'PROGRAMDATA', 'PROGRAMFILES']
const WINDOWS_MORE = ['SYSTEMDRIVE', 'SYSTEMROOT', 'TEMP', 'TMP', 'USERNAME', 'USERPROFILE', 'WINDIR']

/** `base` is the gateway's own environment; only the basics are taken from it. `own` wins. */
export function childEnvironment(
  base: Readonly<Record<string, string | undefined>>,
  own: Readonly<Record<string, string>>,
  platform: NodeJS.Platform = process.platform,
): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const name of platform === 'win32' ? [...WINDOWS_BASICS, ...WINDOWS_MORE] : BASICS) {
    const value = base[name]
    // A shell function smuggled in as a value is no basic (the SDKs skip those too).
    if (value !== undefined && !value.startsWith('()')) environment[name] = value
  }
  return Object.assign(environment, own)
}
