// Who answered: the `iss` of an authorization response against the issuer that was recorded before the redirect (RFC 9207, the four rows of R113, N044).

/**
 * advertised, present: must be equal · advertised, absent: refused · not advertised, present: must be equal all the same · neither: passes.
 * Compared as strings: a slash, a port or a case that differs is another issuer. Comes before anything else of the response is looked at.
 */
export function isAnswerOf(response: URLSearchParams, expected: { readonly issuer: string; readonly isAdvertised: boolean }): boolean {
  const given = response.getAll('iss')
  if (given.length > 1) return false
  return given.length === 0 ? !expected.isAdvertised : given[0] === expected.issuer
}
