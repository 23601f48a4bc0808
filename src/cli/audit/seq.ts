// An event's number, as verbs about the files of a log take it.
export const SEQ = /^(?:0|[1-9]\d{0,15})$/
