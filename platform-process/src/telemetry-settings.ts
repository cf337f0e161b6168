import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { IdentitySource } from './tls-identity.js';

/** What a process tells about itself. To whom is said by OpenTelemetry's own variables, which its SDK reads. */
export interface TelemetrySettings {
  /** `service.name`, unless `OTEL_SERVICE_NAME` says another. */
  readonly service: string;
  readonly log: Logger;
  /** Its metrics are exported too. */
  readonly registry: Registry;
  /** Who this process is towards the collector; default: the files that the variables name. */
  readonly identity?: IdentitySource;
}
