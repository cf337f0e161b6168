import {
  type HostAndPort,
  HostPort,
  LogLevel,
  readEnvironment,
} from '@dotline/platform-process/settings';
import { z } from 'zod';

const AbsolutePath = z.string().startsWith('/', 'must be an absolute path');

const Environment = z.object({
  AUTHORIZER_SOCKET: AbsolutePath,
  HTTP_LISTEN: HostPort,
  IDENTITY_DIRECTORY: AbsolutePath,
  CONTROL_PLANE_URL: z.url({ protocol: /^https$/, error: 'must be an https:// URL' }),
  CA_BUNDLE: AbsolutePath,
  POLICY_DIRECTORY: AbsolutePath,
  LOG_LEVEL: LogLevel,
});

/** Settings of a host's authorizer. */
export interface Settings {
  /** The Unix socket on which the host's sidecars ask. */
  readonly socket: string;
  /** Health and metrics. */
  readonly http: HostAndPort;
  readonly identityDirectory: string;
  readonly controlPlaneUrl: string;
  /** Root certificate that the control plane is verified with. */
  readonly caBundle: string;
  /** Where policies are kept, so that a restart needs no control plane. */
  readonly policyDirectory: string;
  readonly logLevel: string;
}

/** Reads the settings from the environment. @throws SettingsError */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const values = readEnvironment('request authorizer', Environment, environment);
  return {
    socket: values.AUTHORIZER_SOCKET,
    http: values.HTTP_LISTEN,
    identityDirectory: values.IDENTITY_DIRECTORY,
    controlPlaneUrl: values.CONTROL_PLANE_URL,
    caBundle: values.CA_BUNDLE,
    policyDirectory: values.POLICY_DIRECTORY,
    logLevel: values.LOG_LEVEL,
  };
}
