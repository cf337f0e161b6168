import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface EnvoyOptions {
  readonly nodeId: string;
  readonly xdsPort: number;
  readonly apiType: 'DELTA_GRPC' | 'GRPC';
  /**
   * Where listeners and clusters come from: one aggregated stream (the default), a stream each, or
   * listeners from a file (its path, with a DiscoveryResponse as JSON) and the rest aggregated.
   */
  readonly delivery?: 'aggregated' | 'separate' | { readonly listenersFile: string };
  /** Layers of the runtime, as in the bootstrap. */
  readonly runtimeLayers?: readonly object[];
  /** How long listeners that are gone finish what they are at; default 1. */
  readonly drainSeconds?: number;
  /** Paths of PEM files; plaintext without. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly roots: string };
}

/** A real Envoy that takes everything from an xDS server, for tests. */
export class RealEnvoy {
  private constructor(
    private readonly process: ChildProcess,
    private readonly directory: string,
    readonly adminPort: number,
  ) {}

  /** @throws when there is no Envoy or it does not start within 20 s; the message has its log. */
  static start(options: EnvoyOptions): Promise<RealEnvoy> {
    return RealEnvoy.startWith(JSON.stringify(bootstrap(options)), options.drainSeconds);
  }

  /**
   * @param yaml the bootstrap
   * @param drainSeconds how long listeners that are gone finish what they are at
   */
  static async startWith(yaml: string, drainSeconds = 1): Promise<RealEnvoy> {
    const directory = await mkdtemp(join(tmpdir(), 'xds-envoy-'));
    const config = join(directory, 'bootstrap.yaml');
    const adminFile = join(directory, 'admin');
    await writeFile(config, yaml);
    const child = spawn(
      envoyPath(),
      [
        ...['-c', config, '--admin-address-path', adminFile, '--concurrency', '1'],
        ...['--disable-hot-restart', '--log-level', 'warn', '--drain-time-s', String(drainSeconds)],
        ...['--parent-shutdown-time-s', '2'],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let log = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-8_000);
    });
    const adminPort = await eventually(async () => {
      if (child.exitCode !== null) {
        throw new Error(`Envoy ended with ${child.exitCode}: ${log}`);
      }
      const [, port] = (await readFile(adminFile, 'utf8')).split(':');
      return Number(port) || undefined;
    });
    return new RealEnvoy(child, directory, adminPort);
  }

  async admin(path: string): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.adminPort}${path}`);
    return response.text();
  }

  /** A counter or gauge; 0 when Envoy does not have it. */
  async stat(name: string): Promise<number> {
    const text = await this.admin(`/stats?filter=^${name.replaceAll('.', '\\.')}$`);
    return Number(/: (\d+)/.exec(text)?.[1] ?? 0);
  }

  /** Every resource in /config_dump with its state, by its kind and name. */
  async configDump(): Promise<DumpedResource[]> {
    const dump = JSON.parse(await this.admin('/config_dump?include_eds')) as { configs: Section[] };
    return dump.configs.flatMap(dumped);
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = new Promise((resolve) => this.process.once('exit', resolve));
      this.process.kill('SIGKILL');
      await ended;
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}

export interface DumpedResource {
  readonly kind: 'cluster' | 'endpoint' | 'listener' | 'route' | 'ecds';
  readonly name: string;
  readonly state: string;
  readonly json: Record<string, unknown>;
}

type Section = { '@type': string } & Record<string, Record<string, unknown>[] | undefined>;

function dumped(section: Section): DumpedResource[] {
  const found: DumpedResource[] = [];
  const add = (kind: DumpedResource['kind'], state: string, json: unknown) => {
    const body = json as Record<string, unknown>;
    const name = kind === 'endpoint' ? body.cluster_name : body.name;
    found.push({ kind, name: String(name), state, json: body });
  };
  for (const cluster of section.dynamic_active_clusters ?? []) {
    add('cluster', 'active', cluster.cluster);
  }
  for (const cluster of section.dynamic_warming_clusters ?? []) {
    add('cluster', 'warming', cluster.cluster);
  }
  for (const endpoint of section.dynamic_endpoint_configs ?? []) {
    add('endpoint', 'active', endpoint.endpoint_config);
  }
  for (const listener of section.dynamic_listeners ?? []) {
    for (const state of ['active', 'warming']) {
      const held = listener[`${state}_state`] as { listener?: unknown } | undefined;
      if (held?.listener !== undefined) {
        add('listener', state, held.listener);
      }
    }
  }
  for (const route of section.dynamic_route_configs ?? []) {
    add('route', 'active', route.route_config);
  }
  for (const filter of section.ecds_filters ?? []) {
    add('ecds', 'active', filter.ecds_filter);
  }
  return found;
}

function bootstrap({
  nodeId,
  xdsPort,
  apiType,
  tls,
  delivery = 'aggregated',
  runtimeLayers = [],
}: EnvoyOptions) {
  const server = {
    api_type: apiType,
    transport_api_version: 'V3',
    set_node_on_first_message_only: true,
    grpc_services: [
      {
        envoy_grpc: {
          cluster_name: 'xds',
          retry_policy: {
            retry_back_off: { base_interval: '0.1s', max_interval: '0.5s' },
          },
        },
      },
    ],
  };
  const isSeparate = delivery === 'separate';
  const source = isSeparate ? { api_config_source: server } : { ads: {} };
  const listeners =
    typeof delivery === 'object'
      ? { path_config_source: { path: delivery.listenersFile } }
      : source;
  return {
    node: { id: nodeId, cluster: 'test' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
    layered_runtime: { layers: runtimeLayers },
    dynamic_resources: {
      ...(!isSeparate && { ads_config: server }),
      cds_config: { ...source, resource_api_version: 'V3' },
      lds_config: { ...listeners, resource_api_version: 'V3' },
    },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          type: 'STATIC',
          connect_timeout: '1s',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'xds',
            endpoints: [
              {
                lb_endpoints: [
                  {
                    endpoint: {
                      address: {
                        socket_address: { address: '127.0.0.1', port_value: xdsPort },
                      },
                    },
                  },
                ],
              },
            ],
          },
          ...(tls && {
            transport_socket: {
              name: 'tls',
              typed_config: {
                '@type':
                  'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
                common_tls_context: {
                  tls_certificates: [
                    {
                      certificate_chain: { filename: tls.certificate },
                      private_key: { filename: tls.key },
                    },
                  ],
                  validation_context: { trusted_ca: { filename: tls.roots } },
                },
              },
            },
          }),
        },
      ],
    },
  };
}

function envoyPath(): string {
  const path = process.env.ENVOY_PATH ?? 'envoy';
  try {
    execFileSync(path, ['--version'], { stdio: 'ignore' });
  } catch {
    throw new Error(`no Envoy at ${path}: put envoy on PATH or set ENVOY_PATH`);
  }
  return path;
}

/** Polls until `probe` gives something; the last error or value says what was missing. */
export async function eventually<T>(
  probe: () => Promise<T | undefined> | T | undefined,
  withinMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) {
        return value;
      }
      last = value;
    } catch (error) {
      last = error;
    }
    await sleep(20);
  }
  throw new Error(`not within ${withinMs} ms: ${last instanceof Error ? last.message : last}`);
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .once('error', reject)
      .listen(0, '127.0.0.1', () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
      });
  });
}
