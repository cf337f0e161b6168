import { createHash } from 'node:crypto';
import { z } from 'zod';

/** Raised whenever an authorizer of before could not read it. */
const FORMAT = 1;

const Place = z.object({
  file: z.string(),
  line: z.number().int(),
  title: z.string().exactOptional(),
});

const Document = z.object({
  format: z.literal(FORMAT),
  team: z.string(),
  /** Whom those who are refused may ask. */
  contact: z.string(),
  /** Of the WebAssembly: answers with the set of rules that allow a request. */
  entrypoint: z.string(),
  /** Where the rules stand; the entrypoint's answer has indexes into this list. */
  rules: z.array(Place),
  operations: z.array(
    z.object({
      id: z.string(),
      service: z.string(),
      /** Path template, such as `/v1/profiles/{account}`. */
      path: z.string(),
      fail: z.enum(['closed', 'open']),
      /** The rule that has each request of the operation decided. */
      rule: Place,
    }),
  ),
  /** What the policy sees as `data`, as JSON text. */
  data: z.string(),
  /** Base64. */
  wasm: z.string(),
});

/** Everything that an authorizer decides with: one team's policy, compiled, and what its words mean. */
export type RequestPolicyDocument = Omit<z.infer<typeof Document>, 'format'>;

/** The document is not what its hash names, or not of a form that this program knows. */
export class RequestPolicyDocumentError extends Error {
  override readonly name = 'RequestPolicyDocumentError';
}

/** The document as bytes; equal documents are equal bytes. */
export function encodeRequestPolicy(document: RequestPolicyDocument): Buffer {
  return Buffer.from(JSON.stringify(Document.parse({ format: FORMAT, ...document })));
}

/** What a document is called: SHA-256 of its bytes, in hexadecimal. */
export function requestPolicyHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @throws RequestPolicyDocumentError unless the bytes are the document that the hash names */
export function decodeRequestPolicy(hash: string, bytes: Uint8Array): RequestPolicyDocument {
  const actual = requestPolicyHash(bytes);
  if (actual !== hash) {
    throw new RequestPolicyDocumentError(
      `request policy ${hash} came with the content of ${actual}`,
    );
  }
  const parsed = Document.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  if (parsed.success) return parsed.data;
  const reason = parsed.error.issues[0]?.message ?? '';
  throw new RequestPolicyDocumentError(`request policy ${hash} cannot be read: ${reason}`);
}
