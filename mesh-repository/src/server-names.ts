import { hostname, networkInterfaces } from 'node:os';

const ALL_ADDRESSES = new Set(['0.0.0.0', '::']);

/**
 * What a server is reached by: names and addresses that its certificate carries, the best one first.
 * @param listen the address it listens on
 * @param known the name that people know it by, when it has one
 */
export function serverNames(listen: string, known: string | undefined): string[] {
  const own = known === undefined ? [] : [known];
  if (!ALL_ADDRESSES.has(listen)) return [...new Set([...own, listen])];
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  // A link-local address means nothing without its interface.
  const usable = addresses.map(({ address }) => address).filter((each) => !/^fe80:/i.test(each));
  return [...new Set([...own, hostname(), 'localhost', ...usable])];
}
