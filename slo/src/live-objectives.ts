import type { Objective, Team } from '@dotline/model/mesh';
import type pg from 'pg';

/** What the evaluator needs of the live revision. */
export interface LiveObjectives {
  readonly revisionId: string;
  readonly objectives: readonly Objective[];
  readonly teams: readonly Team[];
}

/**
 * Reads the live revision's objectives; its content only when another revision is live than last time.
 * `undefined` before the first revision.
 */
export class LiveObjectivesReader {
  #last: LiveObjectives | undefined;

  constructor(private readonly pool: pg.Pool) {}

  async read(): Promise<LiveObjectives | undefined> {
    const pointer = await this.pool.query<{ revision_id: string }>(
      'select revision_id from control_plane.live',
    );
    const id = pointer.rows[0]?.revision_id;
    if (id === undefined) return undefined;
    if (this.#last?.revisionId === id) return this.#last;
    const { rows } = await this.pool.query<{ objectives: Objective[]; teams: Team[] }>(
      `select content->'mesh'->'objectives' as objectives, content->'mesh'->'teams' as teams
         from control_plane.revisions where id = $1`,
      [id],
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    this.#last = { revisionId: id, objectives: row.objectives, teams: row.teams };
    return this.#last;
  }
}
