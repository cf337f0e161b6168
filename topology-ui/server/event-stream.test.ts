import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { EventStream } from './event-stream.js';
import { EventReader } from './testing/event-reader.js';

const MEGABYTE = 'x'.repeat(1_000_000);

jest.setTimeout(20_000);

let stream: EventStream;
let server: Server;
let responses: ServerResponse[];
let port: number;

beforeEach(async () => {
  stream = new EventStream(2);
  responses = [];
  server = createServer((request, response) => {
    responses.push(response);
    void stream.connect(request, response, [['graph', 'first']]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});

afterEach(async () => {
  stream.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** A client that takes nothing until it is resumed. */
async function pausedClient(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.pause();
  await once(socket, 'connect');
  socket.write('GET / HTTP/1.1\r\nhost: page\r\n\r\n');
  while (stream.size === 0) await sleep(5);
  return socket;
}

describe('EventStream', () => {
  it('sends first what it is given, then what comes, in order', async () => {
    const reader = await EventReader.open(`http://127.0.0.1:${port}/`);
    stream.send('traffic', 1);
    stream.send('graph', 'second');
    stream.send('traffic', 2);
    while (reader.events.length < 4) await sleep(5);
    expect(reader.events).toEqual([
      { event: 'graph', data: 'first' },
      { event: 'traffic', data: 1 },
      { event: 'graph', data: 'second' },
      { event: 'traffic', data: 2 },
    ]);
    await reader.close();
    while (stream.size > 0) await sleep(5);
  });

  it('keeps for a client that takes nothing one event in flight and the newest of each kind', async () => {
    const socket = await pausedClient();
    for (let number = 1; number <= 60; number += 1) {
      stream.send('traffic', `${number} ${MEGABYTE}`);
      if (number % 10 === 0) await sleep(1);
    }
    // The system's own buffers for a connection take some events; the process keeps one.
    expect(responses[0]?.writableLength).toBeLessThan(2_500_000);

    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
    });
    socket.resume();
    while (!received.includes('data:"60 ')) await sleep(5);
    const numbers = [...received.matchAll(/data:"(\d+) x/g)].map(([, number]) => Number(number));
    expect(numbers.length).toBeLessThan(40);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    socket.destroy();
  });

  it('is full at its bound', async () => {
    const sockets = [await pausedClient(), connect(port, '127.0.0.1')];
    sockets[1]?.write('GET / HTTP/1.1\r\nhost: page\r\n\r\n');
    while (stream.size < 2) await sleep(5);
    expect(stream.isFull).toBe(true);
    for (const socket of sockets) socket.destroy();
    while (stream.size > 0) await sleep(5);
    expect(stream.isFull).toBe(false);
  });
});
