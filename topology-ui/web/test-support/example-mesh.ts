import type {
  DenialView,
  EdgeView,
  GraphView,
  InstanceView,
  ObjectiveView,
  ServiceView,
  TeamView,
  TrafficView,
} from '@dotline/topology-ui/api';

/** A generated mesh for tests of the page: 19 services of 15 teams in two products. */

const teams: readonly (readonly [string, string])[] = [
  ['rider-experience', '#2f7df6'],
  ['driver-experience', '#12a594'],
  ['marketplace', '#8e4ec6'],
  ['orders', '#e5484d'],
  ['pricing', '#f0a000'],
  ['maps', '#3fa34d'],
  ['payments', '#0b6e99'],
  ['trust', '#d6409f'],
  ['notifications', '#f76808'],
  ['chat-core', '#00a36c'],
  ['chat-clients', '#5b5bd6'],
  ['media', '#978365'],
  ['social-graph', '#0ca6e9'],
  ['calls', '#b3446c'],
  ['identity', '#7d8590'],
];

/** name, team, product, tier, datastore, replicas, requests per second */
const services: readonly (readonly [
  string,
  string,
  string,
  ServiceView['tier'],
  string,
  number,
  number,
])[] = [
  ['rider-app', 'rider-experience', 'uber', 'critical', 'none', 2, 180],
  ['driver-app', 'driver-experience', 'uber', 'critical', 'none', 2, 140],
  ['orders', 'orders', 'uber', 'critical', 'postgresql', 3, 96],
  ['dispatch', 'marketplace', 'uber', 'critical', 'valkey', 2, 74],
  ['fare', 'pricing', 'uber', 'critical', 'valkey', 2, 120],
  ['surge', 'pricing', 'uber', 'standard', 'valkey', 1, 40],
  ['maps', 'maps', 'uber', 'critical', 'none', 2, 310],
  ['driver-location', 'maps', 'uber', 'critical', 'valkey', 2, 420],
  ['payments', 'payments', 'uber', 'critical', 'postgresql', 2, 18],
  ['ratings', 'trust', 'uber', 'best-effort', 'postgresql', 1, 4],
  ['rider-notifier', 'notifications', 'uber', 'standard', 'valkey', 1, 22],
  ['chat-gateway', 'chat-clients', 'whatsapp', 'critical', 'none', 2, 520],
  ['messages', 'chat-core', 'whatsapp', 'critical', 'postgresql', 3, 380],
  ['groups', 'chat-core', 'whatsapp', 'standard', 'postgresql', 1, 60],
  ['presence', 'social-graph', 'whatsapp', 'standard', 'valkey', 2, 240],
  ['contacts', 'social-graph', 'whatsapp', 'standard', 'postgresql', 1, 34],
  ['media', 'media', 'whatsapp', 'standard', 'postgresql', 2, 28],
  ['calls', 'calls', 'whatsapp', 'best-effort', 'valkey', 1, 0],
  ['accounts', 'identity', 'whatsapp', 'critical', 'postgresql', 2, 90],
];

/** caller, callee, operations, requests per second, share failed */
const edges: readonly (readonly [string, string, readonly string[], number, number])[] = [
  ['rider-app', 'orders', ['create', 'get'], 60, 0],
  ['rider-app', 'fare', ['estimate'], 70, 0],
  ['rider-app', 'maps', ['route'], 42, 0],
  ['rider-app', 'ratings', ['rate'], 2, 0],
  ['rider-app', 'accounts', ['verify'], 12, 0],
  ['driver-app', 'dispatch', ['accept', 'decline'], 24, 0],
  ['driver-app', 'driver-location', ['report'], 400, 0],
  ['driver-app', 'maps', ['route'], 130, 0],
  ['driver-app', 'ratings', ['rate'], 0, 0],
  ['driver-app', 'accounts', ['verify'], 9, 0],
  ['orders', 'fare', ['get-estimate'], 32, 0],
  ['orders', 'dispatch', ['request'], 30, 0.034],
  ['orders', 'payments', ['authorize', 'capture'], 18, 0.12],
  ['orders', 'rider-notifier', ['send'], 14, 0],
  ['dispatch', 'driver-location', ['nearby'], 28, 0],
  ['dispatch', 'maps', ['eta'], 90, 0],
  ['dispatch', 'rider-notifier', ['send'], 8, 0],
  ['dispatch', 'orders', ['assign'], 20, 0],
  ['fare', 'surge', ['multiplier'], 40, 0],
  ['fare', 'maps', ['distance'], 48, 0],
  ['surge', 'driver-location', ['density'], 4, 0],
  ['rider-notifier', 'messages', ['send'], 6, 0],
  ['chat-gateway', 'messages', ['send', 'list', 'ack'], 360, 0],
  ['chat-gateway', 'presence', ['watch', 'report'], 200, 0],
  ['chat-gateway', 'media', ['upload'], 22, 0],
  ['chat-gateway', 'accounts', ['verify'], 60, 0],
  ['chat-gateway', 'calls', ['start'], 0, 0],
  ['messages', 'groups', ['members'], 60, 0],
  ['messages', 'presence', ['query'], 40, 0],
  ['messages', 'contacts', ['blocked'], 24, 0],
  ['groups', 'contacts', ['get'], 10, 0],
  ['media', 'accounts', ['quota'], 6, 0],
  ['calls', 'presence', ['query'], 0, 0],
];

const languages: readonly ServiceView['language'][] = ['typescript', 'go', 'python'];
const revision = '7c1d0e9a42bf';

/** The mesh as the page server would answer it. */
export function exampleGraph(): GraphView {
  const edgeViews = edges.map(([caller, callee, operations, rate, errorRate]) =>
    exampleEdge(caller, callee, operations, traffic(rate, errorRate)),
  );
  return {
    mesh: 'example',
    revision: {
      id: revision,
      commit: '4be2c1f09d7785aa21c0de53f1b6a7e0c9d4f812',
      createdAtMs: Date.now() - 780_000,
      enforcedInMs: 412,
      rollback: null,
    },
    teams: teams.map(([name, colour]): TeamView => ({ name, colour, contact: `#${name}` })),
    services: services.map((row, index) => exampleService(row, index)),
    edges: edgeViews,
    denials: exampleDenials(),
    problems: [],
    rollout: null,
    trafficProblem: null,
  };
}

function exampleDenials(): readonly DenialView[] {
  return [
    denial('ratings', 'payments', 'POST', '/v1/refunds', 37, 'caller'),
    denial('ratings', 'payments', 'GET', '/v1/payments/8841', 5, 'caller'),
  ];
}

/** An edge with its proof, as the policies compiler would have written it. */
export function exampleEdge(
  caller: string,
  callee: string,
  operations: readonly string[],
  figures: TrafficView,
): EdgeView {
  const callerTeam = teamOf(caller);
  const calleeTeam = teamOf(callee);
  return {
    id: `${caller}->${callee}`,
    caller,
    callee,
    team: callerTeam,
    revision,
    traffic: figures,
    operations: operations.map((operation, index) => ({
      operation: `${callee}.${operation}`,
      need: {
        team: callerTeam,
        file: `policies/teams/${callerTeam}/needs.rego`,
        line: 12 + 6 * index,
        title: `${caller} has to ${operation} at ${callee}`,
        commit: 'a3f9c27e51b04d88c0ffee0123456789abcdef01',
      },
      grant: {
        team: calleeTeam,
        file: `policies/teams/${calleeTeam}/grants.rego`,
        line: 9 + 7 * index,
        title: `Callers of ${callee} may ${operation}`,
        owner: 'Grace',
        ticket: 'MESH-41',
        expires: '2031-05-20',
        commit: '91d2be40c6d1f7a2b3c4d5e6f70819a2b3c4d5e6',
      },
    })),
  };
}

export function traffic(requestsPerSecond: number, errorRate: number): TrafficView {
  const idle = requestsPerSecond === 0;
  const base = 4 + (requestsPerSecond % 17) * 2.3 + errorRate * 400;
  return {
    requestsPerSecond,
    errorRate,
    deniedPerSecond: 0,
    p50Ms: idle ? null : base,
    p95Ms: idle ? null : base * 2.8,
    p99Ms: idle ? null : base * 4.6,
  };
}

function exampleService(
  [name, team, product, tier, datastore, replicas, rate]: (typeof services)[number],
  index: number,
): ServiceView {
  const offered = edges.filter(([, callee]) => callee === name).flatMap(([, , names]) => names);
  const down = name === 'payments';
  return {
    name,
    team,
    product,
    tier,
    language: languages[index % languages.length] ?? 'go',
    description: `Does the ${name.replaceAll('-', ' ')} of ${product}`,
    datastore,
    file: `services/${product}/${name}/service.yaml`,
    operations: [...new Set(offered)].map((operation, at) => ({
      id: `${name}.${operation}`,
      class: at % 3 === 1 ? 'write' : 'read',
      method: at % 3 === 1 ? 'POST' : 'GET',
      path: `/v1/${operation}/{id}`,
      requestRule:
        name === 'payments' && at === 0
          ? { file: `policies/teams/${team}/requests.rego`, line: 9, fail: 'closed' }
          : null,
    })),
    instances: Array.from({ length: replicas }, (_, at) => exampleInstance(name, at, down)),
    health: down ? 'degraded' : 'healthy',
    traffic: traffic(rate, down ? 0.12 : 0),
    objectives: rate > 80 || down ? [exampleObjective(name, team, down)] : [],
  };
}

function exampleInstance(service: string, index: number, troubled: boolean): InstanceView {
  const id = `${service}-${index + 1}`;
  return {
    id,
    cell: `cell-${(index % 2) + 1}`,
    zone: `eu-1${'ab'[index % 2]}`,
    region: 'eu-1',
    state: troubled && index === 1 ? 'starting' : 'ready',
    sidecar: {
      instance: id,
      service,
      connected: true,
      revision,
      holdsLiveRevision: true,
      rejected: [],
    },
  };
}

function exampleObjective(service: string, team: string, burning: boolean): ObjectiveView {
  return {
    name: `${service}-availability`,
    title: `${service} answers`,
    service,
    team,
    indicator: 'availability',
    thresholdMs: null,
    target: 0.999,
    windowDays: 30,
    good: burning ? 981_200 : 4_209_911,
    total: burning ? 984_011 : 4_210_702,
    sli: burning ? 0.99714 : 0.99981,
    budgetLeft: burning ? -1.86 : 0.812,
    burnRates: ['5m', '1h', '6h', '3d'].map((window, at) => ({
      window,
      burnRate: burning ? ([118, 31.4, 8.2, 2.1][at] ?? 0) : 0.2 + at * 0.03,
    })),
    alert: burning ? 'page' : 'ok',
    eventsNeeded: 1_000,
    alertSinceMs: Date.now() - (burning ? 420_000 : 86_400_000),
    evaluatedAtMs: Date.now() - 10_000,
    file: `slo/objectives/${team}/${service}.yaml`,
    line: 3,
  };
}

function denial(
  caller: string,
  callee: string,
  method: string,
  path: string,
  count: number,
  refusedBy: DenialView['refusedBy'],
): DenialView {
  return { caller, callee, method, path, count, lastAtMs: Date.now() - 2_000, refusedBy };
}

function teamOf(service: string): string {
  return services.find(([name]) => name === service)?.[1] ?? 'orders';
}
