// Reads a page outside as if it were a service: plain HTTP to its own sidecar, the Host header names the host.
import { rmSync } from 'node:fs';
import { createServer, request } from 'node:http';

const server = createServer((_request, response) => response.end('ok\n'));
rmSync(process.env.DOTLINE_LISTEN, { force: true });
server.listen(process.env.DOTLINE_LISTEN);

function read(path) {
  const call = request(
    {
      socketPath: process.env.DOTLINE_OUTBOUND,
      path,
      headers: { host: 'example.com' },
      timeout: 10_000,
    },
    (response) => {
      let bytes = 0;
      response.on('data', (chunk) => {
        bytes += chunk.length;
      });
      response.on('end', () =>
        console.log(JSON.stringify({ path, status: response.statusCode, bytes })),
      );
    },
  );
  call.on('timeout', () => call.destroy(new Error('no answer in 10 s')));
  call.on('error', (error) => console.log(JSON.stringify({ path, error: error.message })));
  call.end();
}

const timer = setInterval(() => {
  read('/');
  // Nobody granted this one: the sidecar answers 403 and nothing leaves the mesh.
  read('/other');
}, 5000);
process.on('SIGTERM', () => {
  clearInterval(timer);
  server.close(() => process.exit(0));
});
