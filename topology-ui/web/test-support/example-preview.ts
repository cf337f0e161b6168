import type { GraphView } from '@dotline/topology-ui/api';
import type { PreviewView } from '@dotline/topology-ui/policy-view';

type Page = PreviewView['page'];
type Operations = NonNullable<Page['preview']>['edges']['added'][number]['operations'];

export const examplePreviewId = '0123456789abcdef';

/** Of a branch that does not compile. */
export const brokenPreviewId = 'fedcba9876543210';

function operations(caller: string, callee: string, names: readonly string[]): Operations {
  const at = (team: string, line: number) => ({
    team,
    file: `policies/teams/${team}/${team}.rego`,
    line,
  });
  return names.map((name) => ({
    operation: `${callee}.${name}`,
    class: name === 'get-card' ? 'pii' : 'read',
    need: at(caller, 12),
    grant: at(callee, 20),
  }));
}

function change(caller: string, callee: string, names: readonly string[]) {
  return {
    id: `${caller}->${callee}`,
    caller,
    callee,
    operations: operations(caller, callee, names),
  };
}

/** The previews that the page server keeps. */
export function examplePreviewOf(graph: GraphView, id: string): PreviewView | undefined {
  const preview = examplePreview(graph);
  if (id === examplePreviewId) return preview;
  if (id !== brokenPreviewId) return undefined;
  const file = 'policies/teams/orders/orders.rego';
  const problem = { file, line: 7, message: 'unknown operation fare.estmate' };
  const page = { ...preview.page, problems: [problem], preview: null, picture: null };
  return { ...preview, id, page };
}

/** A branch that changes some lines of the example mesh in every way there is. */
function examplePreview(graph: GraphView): PreviewView {
  const removed = new Set(['rider-app->ratings', 'calls->presence']);
  const nowMs = Date.parse('2026-11-24T10:00:00Z');
  return {
    id: examplePreviewId,
    createdAtMs: nowMs,
    expiresAtMs: nowMs + 14 * 86_400_000,
    page: {
      base: 'the live revision (7c1d0e9a42bf, commit 4be2c1f09d)',
      head: 'least-privilege (90ab12cd34)',
      verdict: 'not safe: it would deny 172800 requests a day of real traffic',
      problems: [],
      waysLeftOut: 3,
      picture: {
        mesh: graph.mesh,
        teams: graph.teams,
        services: [
          ...graph.services.map(({ name, team, product }) => ({
            ...{ name, team, product },
            side: 'both' as const,
          })),
          { name: 'tips', team: 'payments', product: 'uber', side: 'after' },
          { name: 'fax', team: 'notifications', product: 'uber', side: 'before' },
        ],
        kept: graph.edges
          .filter(({ id }) => !removed.has(id))
          .map(({ caller, callee }) => [caller, callee] as const),
      },
      preview: {
        verdict: 'unsafe',
        edges: {
          added: [change('tips', 'payments', ['get-card']), change('rider-app', 'tips', ['give'])],
          removed: [
            change('rider-app', 'ratings', ['rate']),
            change('calls', 'presence', ['query']),
          ],
          widened: [
            change('orders', 'fare', ['estimate']),
            change('messages', 'contacts', ['find', 'mute']),
          ],
          narrowed: [
            change('messages', 'contacts', ['blocked']),
            change('chat-gateway', 'presence', ['report']),
          ],
          redefined: [],
        },
        missingConsents: [
          {
            caller: 'tips',
            operation: 'accounts.verify',
            need: { team: 'payments', file: 'policies/teams/payments/tips.rego', line: 4 },
            grant: {
              side: 'grant',
              team: 'identity',
              contact: '#identity',
              file: 'policies/teams/identity/accounts.rego',
              packageLine: 'package mesh.teams.identity',
              rego: 'grants contains {"operation": "accounts.verify", "caller": {"service": "tips"}}',
            },
            isNew: true,
          },
        ],
        refusals: [],
        requestRules: [
          {
            operation: 'payments.get-card',
            team: 'payments',
            before: null,
            after: {
              operation: 'payments.get-card',
              fail: 'closed',
              witness: { team: 'payments', file: 'policies/teams/payments/card.rego', line: 9 },
            },
          },
        ],
        newReach: [
          {
            kind: 'pii-operation',
            target: 'payments.get-card',
            from: [{ service: 'rider-app', path: ['rider-app', 'tips', 'payments'] }],
          },
        ],
        traffic: {
          notSeen: null,
          sinceMs: nowMs - 7 * 86_400_000,
          untilMs: nowMs,
          denied: [
            {
              caller: 'rider-app',
              callee: 'ratings',
              operation: 'ratings.rate',
              requests: 1_209_600,
              requestsPerDay: 172_800,
              cause: 'removed',
              callerObjectives: [],
              calleeObjectives: ['ratings-availability'],
            },
          ],
        },
        sidecars: {
          total: 34,
          changed: [
            {
              instance: 'rider-app-1',
              service: 'rider-app',
              change: 'changed',
              bytesBefore: 14_200,
              bytesAfter: 14_950,
              bytesSent: 2_400,
            },
            {
              instance: 'tips-1',
              service: 'tips',
              change: 'added',
              bytesBefore: 0,
              bytesAfter: 9_100,
              bytesSent: 9_100,
            },
          ],
        },
      },
    },
  };
}
