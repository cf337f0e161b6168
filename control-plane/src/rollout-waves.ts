import type { Instance } from '@dotline/model/instance';
import type { RolloutPolicy } from '@dotline/model/rollout-policy';

/** What decides which wave an instance is in. */
export type PlacedInstance = Pick<Instance, 'id' | 'service' | 'cell'>;

/**
 * Who is given a revision together. Each wave has all of the waves before it; an instance that comes
 * during the rollout is in that of its cell, or in the last.
 */
export type Wave =
  | { readonly name: 'canary'; readonly instances: readonly string[] }
  | { readonly name: 'cell'; readonly cell: string; readonly instances: readonly string[] }
  | { readonly name: 'all' };

const ALL: Wave = { name: 'all' };

export function isInWave(wave: Wave, instance: PlacedInstance): boolean {
  switch (wave.name) {
    case 'all':
      return true;
    case 'cell':
      return instance.cell === wave.cell || wave.instances.includes(instance.id);
    case 'canary':
      return wave.instances.includes(instance.id);
  }
}

/**
 * The waves in which a revision comes to the instances that it touches; a wave that would have nobody
 * more than the one before is left out, and one that would have everybody is the last.
 * @param cells in the order of `mesh.yaml`
 */
export function rolloutWaves(
  policy: RolloutPolicy | undefined,
  instances: readonly Instance[],
  cells: readonly string[],
): [Wave, ...Wave[]] {
  if (policy === undefined || policy.strategy === 'all-at-once') return [ALL];
  const cell = policy.cell ?? cells.find((name) => instances.some((each) => each.cell === name));
  const canaries = policy.waves.includes('canary') ? chosen(policy.canaries, instances, cell) : [];
  const wanted = policy.waves.flatMap((name): Wave[] => {
    if (name === 'canary') return [{ name, instances: canaries }];
    return name === 'cell' && cell !== undefined ? [{ name, cell, instances: canaries }] : [];
  });
  const sizeOf = (wave: Wave) => instances.filter((each) => isInWave(wave, each)).length;
  let size = 0;
  const waves: Wave[] = [];
  for (const wave of wanted) {
    const now = sizeOf(wave);
    if (now > size && now < instances.length) waves.push(wave);
    size = Math.max(size, now);
  }
  const [first, ...others] = [...waves, ALL];
  return [first ?? ALL, ...others];
}

/** Of each service with several instances as many as the policy says, ready ones of the cell first. */
function chosen(
  canaries: RolloutPolicy['canaries'],
  instances: readonly Instance[],
  cell: string | undefined,
): string[] {
  const byService = new Map<string, Instance[]>();
  for (const instance of instances) {
    byService.set(instance.service, [...(byService.get(instance.service) ?? []), instance]);
  }
  return [...byService.values()].flatMap((own) => {
    const count =
      typeof canaries === 'number'
        ? canaries
        : Math.max(1, Math.round((own.length * Number.parseInt(canaries, 10)) / 100));
    const rank = ({ state, cell: own }: Instance) =>
      (state === 'ready' ? 0 : 2) + (own === cell ? 0 : 1);
    return [...own]
      .sort((a, b) => rank(a) - rank(b) || a.id.localeCompare(b.id, 'en', { numeric: true }))
      .slice(0, Math.min(count, own.length - 1))
      .map(({ id }) => id);
  });
}
