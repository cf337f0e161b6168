import type { Revision } from '@dotline/model/revision';
import type { Finding } from '@dotline/policies/finding';
import type { PolicyRelations } from '@dotline/policies/relations';

/** A revision with what its policies said, so that an edge can be explained later. */
export interface StoredRevision {
  readonly revision: Revision;
  readonly relations: PolicyRelations;
  readonly findings: readonly Finding[];
}
