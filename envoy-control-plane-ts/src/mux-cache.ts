import type { ResourceSet } from './resource-set.js';
import type { ResourceSource, Watch } from './resource-source.js';
import type { ResourceProblem } from './subscription.js';
import type { TypeUrl } from './type-url.js';

/**
 * Puts sources together, by type: a linear cache for the endpoints of the fleet and snapshots for the
 * rest, say. Types without a source are not known.
 */
export class MuxCache implements ResourceSource {
  readonly #byType: Partial<Record<TypeUrl, ResourceSource>>;
  readonly #rest: ResourceSource | undefined;
  readonly #sources: ReadonlySet<ResourceSource>;

  /** @param rest for all types that are not in `byType` */
  constructor(byType: Partial<Record<TypeUrl, ResourceSource>>, rest?: ResourceSource) {
    this.#byType = byType;
    this.#rest = rest;
    this.#sources = new Set([...Object.values(byType), ...(rest ? [rest] : [])]);
  }

  get(group: string, typeUrl: TypeUrl): ResourceSet | undefined {
    return this.#of(typeUrl)?.get(group, typeUrl);
  }

  watch(group: string, changed: () => void): Watch {
    const watches = new Map(
      Array.from(this.#sources, (source) => [source, source.watch(group, changed)]),
    );
    return {
      interest: (typeUrl, names) => {
        const source = this.#of(typeUrl);
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
    return this.#of(typeUrl)?.whyMissing?.(group, typeUrl, name);
  }

  groups(): Iterable<string> {
    return new Set(Array.from(this.#sources, (source) => [...(source.groups?.() ?? [])]).flat());
  }

  #of(typeUrl: TypeUrl): ResourceSource | undefined {
    return this.#byType[typeUrl] ?? this.#rest;
  }
}
