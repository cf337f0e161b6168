// Calls the greeter through its own sidecar's Unix socket; the Host header names the callee.
import { rmSync } from 'node:fs';
import { createServer, request } from 'node:http';

const server = createServer((_request, response) => response.end('ok\n'));
rmSync(process.env.DOTLINE_LISTEN, { force: true });
server.listen(process.env.DOTLINE_LISTEN);

function visit() {
  const call = request(
    {
      socketPath: process.env.DOTLINE_OUTBOUND,
      path: '/v1/greetings/visitor',
      headers: { host: 'greeter' },
      timeout: 5000,
    },
    (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () =>
        console.log(JSON.stringify({ status: response.statusCode, body: body.trim() })),
      );
    },
  );
  call.on('timeout', () => call.destroy(new Error('no answer in 5 s')));
  call.on('error', (error) => console.log(JSON.stringify({ error: error.message })));
  call.end();
}

const timer = setInterval(visit, 1000);
process.on('SIGTERM', () => {
  clearInterval(timer);
  server.close(() => process.exit(0));
});
