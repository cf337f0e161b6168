import type { GraphView, SidecarView } from '@dotline/topology-ui/api';
import { describe, expect, it } from '@jest/globals';
import { exampleGraph } from '../test-support/example-mesh.js';
import { rejectionGroups } from './rejections.js';

const refused = { resource: 'inbound', detail: 'regex too large', revision: 'r2' };
const rule = { team: 'pricing', file: 'policies/teams/pricing/pricing.rego', line: 7 };

/** The example, in which the sidecars of the first service refuse this. */
function graphWith(rejected: SidecarView['rejected']): GraphView {
  const graph = exampleGraph();
  const [first, ...rest] = graph.services;
  if (first === undefined) throw new Error('The example has services');
  const instances = first.instances.map((instance) => ({
    ...instance,
    sidecar: { ...instance.sidecar, rejected },
  }));
  return { ...graph, services: [{ ...first, instances }, ...rest] };
}

describe('refused resources', () => {
  it('are none in a mesh that is well', () => {
    expect(rejectionGroups(exampleGraph())).toEqual([]);
  });

  it('of one rule stand together, with the sidecars that refuse them', () => {
    const graph = graphWith([
      { ...refused, ...rule },
      { ...refused, ...rule, resource: 'inbound-authorization' },
    ]);
    const sidecars = graph.services[0]?.instances.map(({ id }) => id);
    expect(sidecars?.length).toBeGreaterThan(1);
    expect(rejectionGroups(graph)).toMatchObject([
      { rejection: { ...refused, ...rule }, sidecars },
    ]);
  });

  it('of no rule stand by themselves', () => {
    const graph = graphWith([refused, { ...refused, resource: 'outbound' }]);
    expect(rejectionGroups(graph).map(({ rejection }) => rejection.resource)).toEqual([
      'inbound',
      'outbound',
    ]);
  });
});
