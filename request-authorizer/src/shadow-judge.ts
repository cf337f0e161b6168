import type { AskedRequest } from './decision.js';
import type { LoadedPolicies } from './loaded-policies.js';
import { isTokenRefused } from './policy-input.js';
import { inputOf, operationOf, type Question } from './question.js';

/** How a revision decides about a request; `unknown` where nobody could say. */
export type Judgement = 'allowed' | 'denied' | 'unknown';

/** What was decided about a request, and what would have been. */
export interface ShadowVerdict {
  readonly request: AskedRequest;
  readonly stagedRevision: string;
  readonly live: Exclude<Judgement, 'unknown'>;
  readonly staged: Judgement;
}

/** Requests that are being judged at once; what comes beyond is not judged, and counted as that. */
const JUDGED_MAX = 64;

/**
 * Judges requests by a staged revision once they are decided. Nothing waits for it, nothing of it is enforced, and
 * its policies have threads of their own, which give way to those that decide: what it takes too long for, or has
 * no room for, it leaves out.
 */
export class ShadowJudge {
  #judging = 0;

  constructor(
    private readonly policies: Pick<LoadedPolicies, 'get'>,
    private readonly judged: (verdict: ShadowVerdict) => void,
  ) {}

  /** Tells of one verdict for each request that is to be judged, some time later. */
  judge(question: Question, request: AskedRequest, live: Judgement): void {
    const { staged, fail } = request;
    if (staged === undefined) return;
    const tell = (judgement: Judgement) =>
      this.judged({
        request,
        stagedRevision: staged.revision,
        live: live === 'unknown' ? (fail === 'open' ? 'allowed' : 'denied') : live,
        // What would become of a request about which nobody could say something now is not known either.
        staged: live === 'unknown' ? 'unknown' : judgement,
      });
    if (staged.policy === '') {
      tell('allowed');
      return;
    }
    if (live === 'unknown' || this.#judging >= JUDGED_MAX) {
      tell('unknown');
      return;
    }
    this.#judging += 1;
    // The answer goes out first.
    setImmediate(() => {
      this.#judgement(question, request.operation, staged.policy)
        .catch((): Judgement => 'unknown')
        .then(tell)
        .finally(() => {
          this.#judging -= 1;
        });
    });
  }

  /** @throws UndecidedError */
  async #judgement(question: Question, operation: string, policy: string): Promise<Judgement> {
    // The sidecar would refuse it before anybody is asked.
    if (isTokenRefused(question.attributes)) return 'denied';
    const { document, thread } = await this.policies.get(policy);
    const input = inputOf(question, operationOf(document, operation, question.asker));
    const allowing = await thread.decide(input);
    return allowing.length > 0 ? 'allowed' : 'denied';
  }
}
