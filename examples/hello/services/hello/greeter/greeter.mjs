// Serves HTTP on the Unix socket that only its sidecar reaches.
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';

let house = 'Dotline';

const server = createServer((request, response) => {
  const path = new URL(request.url, 'http://greeter').pathname;
  if (path === '/healthz') return void response.end('ok\n');
  if (request.method === 'GET' && path.startsWith('/v1/greetings/')) {
    const name = decodeURIComponent(path.slice('/v1/greetings/'.length));
    response.setHeader('content-type', 'application/json');
    return void response.end(
      `${JSON.stringify({ greeting: `Hello ${name}, welcome to ${house}` })}\n`,
    );
  }
  if (request.method === 'PUT' && path === '/v1/house') {
    let body = '';
    request.on('data', (chunk) => {
      body = (body + chunk).slice(0, 100);
    });
    return void request.on('end', () => {
      house = body.trim() || house;
      response.writeHead(204).end();
    });
  }
  response.writeHead(404).end();
});

rmSync(process.env.DOTLINE_LISTEN, { force: true });
server.listen(process.env.DOTLINE_LISTEN);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
