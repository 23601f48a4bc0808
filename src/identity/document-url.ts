// Which URLs may be client ids: of applications that come to us, and our own towards authorization servers (draft-ietf-oauth-client-id-metadata-document).

/** Whether a client id is a URL worth asking (section 3 of the draft): https, a path, a name and not an address, nothing that two readers read differently. */
export function isDocumentUrl(id: string): boolean {
  const url = id.length <= 512 && /^[\x21-\x7e]+$/.test(id) ? URL.parse(id) : undefined
  if (url?.protocol !== 'https:' || url.href !== id) return false
  if (url.username !== '' || url.password !== '' || id.includes('#') || id.includes('\\') || id.includes('?')) return false
  return url.pathname !== '/' && url.hostname.includes('.') && !/^[0-9.]+$|^\[/.test(url.hostname) && !url.hostname.endsWith('.')
}
