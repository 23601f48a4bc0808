// Where a requester may decide as `self`, as it is configured.

/** `console`: signed in there with a browser. `other-client`: besides, with a token of any client but the one that asked. */
export const SELF_FROM = ['console', 'other-client'] as const
export type SelfFrom = (typeof SELF_FROM)[number]
