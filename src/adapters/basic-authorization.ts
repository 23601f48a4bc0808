// A client's id and secret as a header (RFC 6749 section 2.3.1).

/** Form encoding before Basic (appendix B), or a colon in the id would move the border; and no more of it than that: many servers unescape nothing. */
export const basicAuthorization = (id: string, secret: string): string =>
  `Basic ${Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString('base64')}`

const formEncoded = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1)
