import { TypeUrl } from 'envoy-control-plane-ts';
import type { ProxyConfig } from './config-dump.js';
import { comparableEndpoints } from './endpoint-content.js';
import type { HeldResource } from './held-config.js';
import { type FieldDifference, fieldDifferences } from './message-diff.js';
import type { ProxyResource } from './proxy-resource.js';

/** Types of which Envoy tells the content. Secrets are not compared: Envoy shows only their names. */
const COMPARED: ReadonlySet<string> = new Set([
  TypeUrl.Cluster,
  TypeUrl.Endpoint,
  TypeUrl.Listener,
  TypeUrl.Route,
  TypeUrl.ExtensionConfig,
]);

/** A resource that is not the same on both sides. */
export interface ResourceDifference {
  readonly typeUrl: string;
  readonly name: string;
  /** Envoy lacks it, Envoy has it too much, or the content differs. */
  readonly kind: 'missing' | 'extra' | 'different';
  /** Envoy has it, and does not use it yet. */
  readonly warming: boolean;
  /** How far the control plane thinks that the sidecar is with it; `undefined` for an extra one. */
  readonly status: HeldResource['status'] | undefined;
  /** Why Envoy refused it, when it did. */
  readonly rejection: string | undefined;
  readonly fields: readonly FieldDifference[];
}

/** What came of comparing one sidecar. */
export interface ProxyComparison {
  /** Resources that are the same on both sides, by type URL. */
  readonly equal: Readonly<Record<string, number>>;
  readonly differences: readonly ResourceDifference[];
}

/** Compares resource by resource, by content. */
export function compareResources(
  held: readonly HeldResource[],
  { used, warming }: ProxyConfig,
): ProxyComparison {
  const usedByKey = new Map(used.map((resource) => [keyOf(resource), resource]));
  const warmingKeys = new Set(warming.map(keyOf));
  const heldKeys = new Set(held.map(keyOf));
  const equal: Record<string, number> = {};
  const differences: ResourceDifference[] = [];
  for (const resource of held) {
    const { typeUrl, name, status, rejection } = resource;
    if (!COMPARED.has(typeUrl)) continue;
    const key = keyOf(resource);
    const other = usedByKey.get(key);
    const fields = other === undefined ? [] : contentDifferences(resource, other);
    // Of an extension config that Envoy could not build it shows the refused one, and uses the one
    // before: what is refused is never equal.
    if (other !== undefined && fields.length === 0 && status !== 'ERROR') {
      equal[typeUrl] = (equal[typeUrl] ?? 0) + 1;
      continue;
    }
    const kind = other === undefined ? 'missing' : 'different';
    const isWarming = warmingKeys.has(key);
    differences.push({ typeUrl, name, kind, warming: isWarming, status, rejection, fields });
  }
  for (const { typeUrl, name } of used.filter((resource) => !heldKeys.has(keyOf(resource)))) {
    const unknown = { warming: false, status: undefined, rejection: undefined, fields: [] };
    differences.push({ typeUrl, name, kind: 'extra', ...unknown });
  }
  return { equal, differences };
}

function contentDifferences(held: ProxyResource, used: ProxyResource): FieldDifference[] {
  if (held.typeUrl !== TypeUrl.Endpoint) return fieldDifferences(held.content, used.content);
  const comparable = comparableEndpoints(held.content, used.content);
  return fieldDifferences(comparable.held, comparable.used);
}

function keyOf({ typeUrl, name }: { readonly typeUrl: string; readonly name: string }): string {
  return `${typeUrl} ${name}`;
}
