import type { ResourceSet } from './resource-set.js';
import type { ResourceSource, Watch } from './resource-source.js';
import type { ResourceProblem } from './subscription.js';
import type { TypeUrl } from './type-url.js';

/** Sources by the type that they are for. */
type SourcesByType = { readonly [typeUrl in TypeUrl]?: ResourceSource };

/** Which source is for a type of a group, if any: always the same one. */
type Route = (group: string, typeUrl: TypeUrl) => ResourceSource | undefined;

/**
 * Puts sources together: a linear cache for the endpoints of the fleet and snapshots for the rest,
 * say. Types without a source are not known.
 */
export class MuxCache implements ResourceSource {
  readonly #route: Route;
  readonly #sources: ReadonlySet<ResourceSource>;

  /** By type. @param rest for all types that are not in `byType` */
  constructor(byType: SourcesByType, rest?: ResourceSource);
  /** By group and type. @param sources all that `route` may give */
  constructor(route: Route, sources: Iterable<ResourceSource>);
  constructor(by: SourcesByType | Route, rest?: ResourceSource | Iterable<ResourceSource>) {
    if (typeof by === 'function') {
      this.#route = by;
      this.#sources = new Set(isSource(rest) ? [rest] : rest);
    } else {
      const others = isSource(rest) ? rest : undefined;
      this.#route = (_group, typeUrl) => by[typeUrl] ?? others;
      const all = [...Object.values<ResourceSource | undefined>(by), others];
      this.#sources = new Set(all.filter((source) => source !== undefined));
    }
  }

  get(group: string, typeUrl: TypeUrl): ResourceSet | undefined {
    return this.#route(group, typeUrl)?.get(group, typeUrl);
  }

  watch(group: string, changed: () => void): Watch {
    const watches = new Map(
      Array.from(this.#sources, (source) => [source, source.watch(group, changed)]),
    );
    return {
      interest: (typeUrl, names) => {
        const source = this.#route(group, typeUrl);
        if (source !== undefined) {
          watches.get(source)?.interest?.(typeUrl, names);
        }
      },
      close: () => {
        for (const watch of watches.values()) {
          watch.close();
        }
      },
    };
  }

  whyMissing(group: string, typeUrl: TypeUrl, name: string): ResourceProblem | undefined {
    return this.#route(group, typeUrl)?.whyMissing?.(group, typeUrl, name);
  }

  groups(): Iterable<string> {
    return new Set(Array.from(this.#sources, (source) => [...(source.groups?.() ?? [])]).flat());
  }
}

function isSource(
  given: ResourceSource | Iterable<ResourceSource> | undefined,
): given is ResourceSource {
  return given !== undefined && 'get' in given && 'watch' in given;
}
