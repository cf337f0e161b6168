import type { InstanceView } from '@dotline/topology-ui/api';

/** Instances with where they run and what their sidecars hold. */
export function InstanceList({ instances }: { readonly instances: readonly InstanceView[] }) {
  return (
    <ul class="instances">
      {instances.map((instance) => (
        <li key={instance.id}>
          <span class="instance-id">{instance.id}</span>
          <span class={`chip small state-${instance.state}`}>{instance.state}</span>
          <span class="muted">
            {instance.cell} · {instance.zone}
          </span>
          <SidecarState sidecar={instance.sidecar} />
        </li>
      ))}
    </ul>
  );
}

/** What a sidecar holds, in words. */
export function SidecarState({ sidecar }: { readonly sidecar: InstanceView['sidecar'] }) {
  if (sidecar.rejected.length > 0) {
    return (
      <span class="danger sidecar-state">
        ✕ refused {sidecar.rejected.map((rejection) => rejection.resource).join(', ')}
      </span>
    );
  }
  if (!sidecar.connected) return <span class="warning sidecar-state">~ sidecar not connected</span>;
  if (sidecar.holdsLiveRevision) return <span class="ok sidecar-state">✓ live revision</span>;
  return (
    <span class="warning sidecar-state">
      … {sidecar.revision === null ? 'no revision yet' : `holds ${sidecar.revision}`}
    </span>
  );
}
