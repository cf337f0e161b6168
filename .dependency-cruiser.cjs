/**
 * The house: a folder imports only from those above it. Each row is what a folder may reach;
 * everything else between workspaces is an error. `tsc -b` checks the same through references.
 */
const house = {
  'local-parts': [],
  model: [],
  'platform-process': [],
  'envoy-control-plane-ts': [],
  // Of `platform-process` only how Git is run: a compiler has no log and no telemetry.
  policies: ['model', 'platform-process'],
  'network-policy': ['model', 'policies'],
  // Of `policies` only its tests: they compare what sidecars do with what policies say.
  'sidecar-config': ['model', 'envoy-control-plane-ts', 'policies'],
  'control-plane': [
    'model',
    'platform-process',
    'envoy-control-plane-ts',
    'policies',
    'sidecar-config',
  ],
  'mesh-repository': ['model', 'platform-process', 'policies', 'control-plane'],
  collectors: ['model', 'platform-process'],
  'request-authorizer': [
    'model',
    'platform-process',
    'envoy-control-plane-ts',
    'policies',
    'collectors',
    'sidecar-config',
  ],
  slo: ['model', 'platform-process', 'collectors'],
  'topology-ui': ['model', 'platform-process', 'policies', 'control-plane', 'collectors', 'slo'],
  services: [],
  runner: ['local-parts', 'model', 'sidecar-config'],
  cli: [
    'local-parts',
    'model',
    'policies',
    'control-plane',
    'mesh-repository',
    'network-policy',
    'runner',
    'topology-ui',
  ],
  bench: ['local-parts', 'model', 'envoy-control-plane-ts', 'policies', 'runner', 'sidecar-config'],
};
const workspaces = Object.keys(house);
const TEST_CODE = '(\\.test\\.ts$|/(testing|test-support)/)';

/** What a folder may not reach; tests may also start real parts. */
function others(workspace) {
  return workspaces.filter(
    (other) => other !== workspace && other !== 'local-parts' && !house[workspace].includes(other),
  );
}

module.exports = {
  forbidden: [
    { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: { pathNot: '/gen/' },
      to: { couldNotResolve: true },
    },
    ...workspaces.map((workspace) => ({
      name: `house-${workspace}`,
      comment: `${workspace} may import only: ${house[workspace].join(', ') || 'nothing of ours'}`,
      severity: 'error',
      from: { path: `^${workspace}/` },
      to: {
        path: `^(${others(workspace).join('|')})/`,
      },
    })),
    {
      name: 'policies-only-run-git',
      comment: 'a compiler has no log, no settings and no telemetry',
      severity: 'error',
      from: { path: '^policies/' },
      to: { path: '^platform-process/', pathNot: '^platform-process/(src|dist)/git\\.' },
    },
    {
      name: 'sidecars-know-no-policies',
      comment: 'only tests of sidecar-config compile policies',
      severity: 'error',
      from: { path: '^sidecar-config/', pathNot: TEST_CODE },
      to: { path: '^policies/' },
    },
    ...workspaces
      .filter(
        (workspace) => !house[workspace].includes('local-parts') && workspace !== 'local-parts',
      )
      .map((workspace) => ({
        name: `real-parts-${workspace}`,
        comment: `only the tests of ${workspace} may start real parts`,
        severity: 'error',
        from: { path: `^${workspace}/`, pathNot: TEST_CODE },
        to: { path: '^local-parts/' },
      })),
  ],
  options: {
    parser: 'swc',
    // Other workspaces are reached through what they build: those imports count, their insides do not.
    doNotFollow: { path: '(^|/)(node_modules|dist)/' },
    // swc reads no JSX here; `tsc -b` checks the page's components, which reach nothing but the page.
    exclude: { path: '((^|/)\\.dotline/|\\.tsx$)' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
};
