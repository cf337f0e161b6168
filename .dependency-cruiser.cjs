/**
 * The house: a folder imports only from those above it. Each row is what a folder may reach;
 * everything else between workspaces is an error. `tsc -b` checks the same through references.
 */
const house = {
  model: [],
  'envoy-control-plane-ts': [],
  policies: ['model'],
  'sidecar-config': ['model', 'envoy-control-plane-ts'],
  'control-plane': ['model', 'envoy-control-plane-ts', 'policies', 'sidecar-config'],
  collectors: ['model'],
  slo: ['model', 'collectors'],
  'topology-ui': ['model', 'policies', 'control-plane', 'collectors', 'slo'],
  services: [],
  runner: ['model'],
  cli: ['model', 'policies', 'runner'],
};
const workspaces = Object.keys(house);

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
        path: `^(${workspaces.filter((other) => other !== workspace && !house[workspace].includes(other)).join('|')})/`,
      },
    })),
  ],
  options: {
    parser: 'swc',
    exclude: { path: '(^|/)(dist|node_modules|\\.dotline)/' },
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
};
