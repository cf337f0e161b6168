import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { IdentityFolder } from '@dotline/collectors/peer/identity';
import { listenHttp } from '@dotline/platform-process/listen-http';
import { createLog } from '@dotline/platform-process/log';
import { operationsServer } from '@dotline/platform-process/operations-server';
import { settingsOrExit } from '@dotline/platform-process/settings';
import { stopSignal } from '@dotline/platform-process/stop-signal';
import { startTelemetry } from '@dotline/platform-process/telemetry';
import { AuthorizationServer } from './authorization-server.js';
import { AuthorizerMetrics } from './authorizer-metrics.js';
import { logDecision, logShadowVerdict } from './decision-log.js';
import { LoadedPolicies } from './loaded-policies.js';
import { PolicySource } from './policy-source.js';
import { LIVE_BOUNDS, SHADOW_BOUNDS } from './policy-thread.js';
import { PreparedPolicies } from './prepared-policies.js';
import { RequestAuthorizer } from './request-authorizer.js';
import { readSettings } from './settings.js';
import { ShadowJudge } from './shadow-judge.js';

const STOP_MS = 2_000;
/** A host runs instances of a few teams, each with one policy and, during a rollout, two. */
const LIVE_MAX = 32;
/** Of one staged revision, of the few teams whose rules it changes. */
const STAGED_MAX = 8;

const settings = settingsOrExit(readSettings);
const stop = stopSignal();
const log = createLog('authorizer', settings.logLevel);

const identity = await IdentityFolder.open(settings.identityDirectory, (error) =>
  log.error({ err: error }, 'the identity cannot be read; the last one serves on'),
);
const source = new PolicySource({
  controlPlaneUrl: settings.controlPlaneUrl,
  caBundle: settings.caBundle,
  directory: settings.policyDirectory,
});
const policies = new LoadedPolicies(source, { policies: LIVE_MAX, each: LIVE_BOUNDS });
const staged = new LoadedPolicies(source, { policies: STAGED_MAX, each: SHADOW_BOUNDS });
const metrics = new AuthorizerMetrics(() => policies.size);
const shadow = new ShadowJudge(staged, (verdict) => {
  metrics.judged(verdict);
  logShadowVerdict(verdict);
});
const authorizer = new RequestAuthorizer(policies, shadow, (decision) => {
  metrics.decided(decision);
  logDecision(decision);
});

let lastReason: string | undefined;
const server = new AuthorizationServer(authorizer, identity, (error) => {
  // One line for each new reason: under load there is one such request after the other.
  if (error.message !== lastReason) log.warn({ reason: error.message }, 'a request is undecided');
  lastReason = error.message;
});
const prepared = new PreparedPolicies(policies, staged, settings.policyDirectory);
// Threads of policies do not keep a process alive, and nothing else is there yet that would.
const alive = setInterval(() => undefined, STOP_MS);
await prepared.again();
clearInterval(alive);
await server.listen(settings.socket);
const operations = operationsServer(metrics.registry, async () => undefined, prepared.answer);
const port = await listenHttp(operations, settings.http.host, settings.http.port);
log.info({ socket: settings.socket, port }, 'listening');
const telemetry = startTelemetry({
  service: 'dotline-authorizer',
  log,
  registry: metrics.registry,
});

if (!stop.aborted) await once(stop, 'abort');
await Promise.race([server.close(), sleep(STOP_MS)]);
server.closeNow();
policies.close();
staged.close();
source.close();
identity.close();
operations.close();
operations.closeAllConnections();
await telemetry.stop();
log.info('stopped');
process.exit(0);
