import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer, type RequestOptions, request, type Server } from 'node:http';
import { join } from 'node:path';
import type { Instance } from '@dotline/model/instance';
import { identitySecretFiles, sidecarBootstrap } from '@dotline/sidecar-config/bootstrap';
import {
  appSocket,
  identityDirectory,
  outboundSocket,
  sidecarDirectory,
} from '@dotline/sidecar-config/sidecar-directory';
import { PemConverter, Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import type { Answer, TestControlPlane } from './test-control-plane.js';
import { TestProcess } from './test-process.js';

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A certificate request with the key that it is for, both PEM. */
export async function certificateRequest(): Promise<{
  readonly csr: string;
  readonly key: string;
}> {
  const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
  const csr = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: P256 });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    csr: csr.toString('pem'),
    key: PemConverter.encode(key, PemConverter.PrivateKeyTag),
  };
}

/** A real Envoy that joins the mesh the way a host makes it join, beside an app that says hello. */
export class TestSidecar {
  private constructor(
    readonly instance: Instance,
    private readonly runDirectory: string,
    readonly envoy: TestProcess,
    private readonly app: Server,
  ) {}

  static async start(
    runDirectory: string,
    instance: Instance,
    controlPlane: TestControlPlane,
  ): Promise<TestSidecar> {
    const { csr, key } = await certificateRequest();
    const answer = await controlPlane.call('POST', '/v1/certificates', {
      csr,
      service: instance.service,
    });
    if (answer.status !== 201) throw new Error(answer.body);
    const { certificate, bundle } = JSON.parse(answer.body) as Record<string, string>;
    const identity = identityDirectory(runDirectory, instance.id);
    await mkdir(join(identity, 'v1'), { recursive: true });
    await writeFile(join(identity, 'v1/key.pem'), key);
    await writeFile(join(identity, 'v1/certificate.pem'), certificate ?? '');
    await writeFile(join(identity, 'v1/bundle.pem'), bundle ?? '');
    await symlink('v1', join(identity, 'current'));
    for (const [name, content] of Object.entries(identitySecretFiles(identity))) {
      await writeFile(join(identity, name), content);
    }
    const directory = sidecarDirectory(runDirectory, instance.id);
    const bootstrap = sidecarBootstrap({
      trustDomain: 'hello.example',
      service: instance.service,
      instance,
      controlPlane: { address: '127.0.0.1', port: controlPlane.xdsPort },
      identityDirectory: identity,
    });
    await writeFile(join(directory, 'bootstrap.json'), bootstrap);
    const app = createServer((_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => {
      app.listen(appSocket(runDirectory, instance.id), resolve);
    });
    const envoy = await TestProcess.start(
      process.env.ENVOY_PATH ?? 'envoy',
      ['-c', 'bootstrap.json', '--concurrency', '1', '--disable-hot-restart', '-l', 'warning'],
      { cwd: directory },
    );
    return new TestSidecar(instance, runDirectory, envoy, app);
  }

  async stop(): Promise<void> {
    await this.envoy.stop();
    await new Promise((resolve) => {
      this.app.close(resolve);
      this.app.closeAllConnections();
    });
  }

  /** A call of the app to another service. */
  call(callee: string, path: string): Promise<Answer> {
    const socketPath = outboundSocket(this.runDirectory, this.instance.id);
    return answerTo({ socketPath, path, headers: { host: callee } });
  }

  /** Everything that Envoy holds, as its admin interface tells. */
  async configDump(): Promise<string> {
    const [host = '', port = ''] = this.instance.adminAddress.split(':');
    const { body } = await answerTo({ host, port: Number(port), path: '/config_dump' });
    // Written anew: Envoy escapes characters that edge ids have.
    return JSON.stringify(JSON.parse(body));
  }
}

function answerTo(options: RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ ...options, agent: false }, (response) => {
      let body = '';
      response.on('data', (bytes: Buffer) => {
        body += bytes.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.on('error', reject);
    call.end();
  });
}
