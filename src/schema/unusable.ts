/** A schema that nothing can be judged by. The message says why: lower case, nothing of the schema in it but names of keywords. */
export class SchemaUnusable extends Error {}
