import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBinary } from '@dotline/local-parts/binary';
import { envoySource } from '@dotline/local-parts/envoy';

/** A real Envoy that answers every request itself and logs it to a collector. */
export class RunningEnvoy {
  private constructor(
    readonly url: string,
    readonly adminUrl: string,
    private readonly child: ChildProcess,
    private readonly directory: string,
  ) {}

  /** @param caller name under which its requests are logged */
  static async start(collectorGrpcPort: number, caller: string): Promise<RunningEnvoy> {
    const { path } = await ensureBinary(envoySource);
    const directory = await mkdtemp(join(tmpdir(), 'collectors-envoy-'));
    const bootstrap = join(directory, 'bootstrap.json');
    const adminFile = join(directory, 'admin');
    await writeFile(bootstrap, JSON.stringify(bootstrapOf(collectorGrpcPort, caller)));
    const child = spawn(
      path,
      [
        '-c',
        bootstrap,
        '--admin-address-path',
        adminFile,
        '--use-dynamic-base-id',
        '--concurrency',
        '1',
        '-l',
        'error',
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    const adminUrl = `http://${await eventually(() => readFile(adminFile, 'utf8'))}`;
    const url = await eventually(async () => {
      const response = await fetch(`${adminUrl}/listeners?format=json`);
      const {
        listener_statuses: [listener],
      } = (await response.json()) as Listeners;
      const { address, port_value: port } = listener.local_address.socket_address;
      const listening = `http://${address}:${port}`;
      await fetch(listening);
      return listening;
    });
    return new RunningEnvoy(url, adminUrl, child, directory);
  }

  /** The value of a counter. */
  async counter(name: string): Promise<number> {
    const response = await fetch(`${this.adminUrl}/stats?filter=${encodeURIComponent(name)}`);
    return Number(/: (\d+)/.exec(await response.text())?.[1] ?? Number.NaN);
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
    await rm(this.directory, { recursive: true, force: true });
  }
}

interface Listeners {
  readonly listener_statuses: readonly [
    { local_address: { socket_address: { address: string; port_value: number } } },
  ];
}

async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (let round = 0; ; round += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (round === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

const LOCAL = (port: number) => ({
  socket_address: { address: '127.0.0.1', port_value: port },
});

/** The access logger is set up as in a sidecar; see docs/architecture.md, "Sidecar configuration". */
function bootstrapOf(collectorGrpcPort: number, caller: string) {
  const attributes = {
    reporter: 'source',
    caller,
    callee: 'envoy',
    operation: '%ROUTE_NAME%',
    authorization: 'allowed',
    method: '%REQ(:METHOD)%',
    path: '%PATH(NQ:PATH:1024)%',
    status: '%RESPONSE_CODE%',
    duration_us: '%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%',
    request_bytes: '%BYTES_RECEIVED%',
    response_bytes: '%BYTES_SENT%',
    request_id: '%REQ(X-REQUEST-ID)%',
  };
  return {
    admin: { address: LOCAL(0) },
    static_resources: {
      listeners: [
        {
          name: 'requests',
          address: LOCAL(0),
          filter_chains: [
            {
              filters: [
                {
                  name: 'http',
                  typed_config: {
                    '@type':
                      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                    stat_prefix: 'requests',
                    route_config: {
                      virtual_hosts: [
                        {
                          name: 'all',
                          domains: ['*'],
                          routes: [
                            {
                              name: 'envoy.answer',
                              match: { prefix: '/' },
                              direct_response: { status: 200, body: { inline_string: 'ok' } },
                            },
                          ],
                        },
                      ],
                    },
                    http_filters: [
                      {
                        name: 'router',
                        typed_config: {
                          '@type':
                            'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                        },
                      },
                    ],
                    access_log: [
                      {
                        name: 'otlp',
                        typed_config: {
                          '@type':
                            'type.googleapis.com/envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig',
                          log_name: 'source',
                          stat_prefix: 'source.',
                          disable_builtin_labels: true,
                          buffer_flush_interval: '0.25s',
                          grpc_service: {
                            envoy_grpc: { cluster_name: 'collector' },
                            timeout: '30s',
                            retry_policy: {
                              retry_on: 'unavailable,cancelled,connect-failure,reset,internal',
                              num_retries: 20,
                              retry_back_off: { base_interval: '0.5s', max_interval: '2s' },
                            },
                          },
                          attributes: {
                            values: Object.entries(attributes).map(([key, value]) => ({
                              key,
                              value: { string_value: value },
                            })),
                          },
                        },
                      },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: [
        {
          name: 'collector',
          connect_timeout: '1s',
          // By default three retries may be under way at a time; further batches would be lost.
          circuit_breakers: { thresholds: [{ max_retries: 1024 }] },
          load_assignment: {
            cluster_name: 'collector',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: LOCAL(collectorGrpcPort) } }] }],
          },
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        },
      ],
    },
  };
}
