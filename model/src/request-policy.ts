import type { Witness } from './edge.js';

/** What becomes of a request that cannot be decided in time: refused, or let through. */
export type WhenUndecided = 'closed' | 'open';

/** A team's statement that each request for one of its operations is decided when it comes. */
export interface RequestRule {
  /** Operation id, such as `uber-profile.get`. */
  readonly operation: string;
  readonly fail: WhenUndecided;
  readonly witness: Witness;
}

/** What one team's policy says about single requests, as sidecars ask for it. */
export interface RequestPolicy {
  readonly team: string;
  /** SHA-256, in hexadecimal, of everything that the decision is made with. */
  readonly hash: string;
  /** Sorted by operation, one for each, never empty. */
  readonly rules: readonly RequestRule[];
}

/** A request policy as a revision holds it. */
export interface LiveRequestPolicy extends RequestPolicy {
  /** The revision in which it took its present form. */
  readonly revision: string;
}

/** A party whose tokens are believed, of `jwt` in `mesh.yaml`. */
export interface TokenIssuer {
  /** The `iss` claim of its tokens. */
  readonly issuer: string;
  /** Of which a token must name one in its `aud` claim. */
  readonly audiences: readonly string[];
  readonly keys:
    | {
        /** A JSON Web Key Set as text (https://www.rfc-editor.org/rfc/rfc7517#section-5). */
        readonly kind: 'text';
        readonly jwks: string;
      }
    /** The operation that answers with the key set; who has no edge to it does not believe the issuer. */
    | {
        readonly kind: 'operation';
        readonly operation: string;
        /** How long sidecars keep what they have read. Absent: as long as is usual. */
        readonly cacheMs?: number;
      };
}
