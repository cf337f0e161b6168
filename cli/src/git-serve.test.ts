import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { GitClone } from './testing/git-clone.js';
import { GUESTS, HelloCheckout } from './testing/hello-checkout.js';
import { ServedRepository } from './testing/served-repository.js';

jest.setTimeout(120_000);

const GUESTS_TEST = 'policies/teams/guests/guests_test.rego';
const HOSTS = 'policies/teams/hosts/hosts.rego';
const RENAME = `
# METADATA
# title: Visitors rename the house
needs contains {"service": "visitor", "operation": "greeter.rename"}
`;

let hello: HelloCheckout;
let folder: string;
let served: ServedRepository;
let url: string;
let guest: GitClone;
let host: GitClone;

/** Starts over from what the mesh directory has. */
async function fresh(clone: GitClone): Promise<void> {
  await clone.git('fetch', '-q');
  await clone.git('reset', '-q', '--hard', 'origin/main');
}

async function head(): Promise<string> {
  return (await new GitClone(hello.directory).git('rev-parse', 'HEAD')).stdout.trim();
}

beforeAll(async () => {
  [hello, folder] = await Promise.all([
    HelloCheckout.create(),
    mkdtemp(join(tmpdir(), 'hello-clones-')),
  ]);
  const mesh = await readFile(join(hello.directory, 'mesh.yaml'), 'utf8');
  await writeFile(
    join(hello.directory, 'mesh.yaml'),
    mesh
      .replace('regions:', 'platform:\n  people: [pete]\nregions:')
      .replace('"hosts@hello.example"', '"hosts@hello.example"\n    people: [harry]')
      .replace(
        '"guests@hello.example"',
        '"guests@hello.example"\n    people: [gina@hello.example]',
      ),
  );
  await new GitClone(hello.directory).git('commit', '-qam', 'people');
  served = await ServedRepository.start(hello.directory);
  url = served.url;
  [guest, host] = await Promise.all([
    GitClone.of(await served.addressFor('gina@hello.example'), join(folder, 'guest')),
    GitClone.of(await served.addressFor('harry'), join(folder, 'host')),
  ]);
});

afterAll(async () => {
  await served?.stop();
  await hello?.remove();
  await rm(folder, { recursive: true, force: true });
});

describe('a push is refused', () => {
  it('of whoever has no token, and for what is no repository', async () => {
    const asked = `${url}/info/refs?service=git-receive-pack`;
    expect((await fetch(asked)).status).toBe(401);
    const wrong = { authorization: `Basic ${Buffer.from('harry:guessed').toString('base64')}` };
    expect((await fetch(asked, { headers: wrong })).status).toBe(401);
    expect((await fetch(`${url}/HEAD`)).status).toBe(404);
    expect((await fetch(new URL('/other.git/info/refs', url))).status).toBe(404);
  });

  it('with the file and whom to ask, where others own it, also to become one of them', async () => {
    const before = await head();
    const mesh = await guest.read('mesh.yaml');
    await guest.commit('mesh.yaml', mesh.replace('[pete]', '[pete, gina@hello.example]'));
    await guest.commit(HOSTS, `${await guest.read(HOSTS)}# mine\n`);
    const { code, stderr } = await guest.push();
    expect(code).not.toBe(0);
    expect(stderr).toContain(
      `remote: error: ${HOSTS}:1: belongs to team hosts, and gina@hello.example is not one of its people (ask harry (hosts@hello.example) to push it)`,
    );
    expect(stderr).toContain('error: mesh.yaml:1: belongs to the platform');
    expect(await head()).toBe(before);
    await fresh(guest);
  });

  it('with file and line, when a rule is nonsense', async () => {
    await guest.commit(GUESTS, `${await guest.read(GUESTS)}\nneeds contains {\n`);
    const { code, stderr } = await guest.push();
    expect(code).not.toBe(0);
    expect(stderr).toMatch(new RegExp(`remote: error: ${GUESTS}:\\d+: .*unexpected eof`));
    expect(stderr).toMatch(/remote: refused in \d+\.\d s/);
    await fresh(guest);
  });

  it('when an opa test fails', async () => {
    await guest.commit(GUESTS, `${await guest.read(GUESTS)}${RENAME}`);
    const { code, stderr } = await guest.push();
    expect(code).not.toBe(0);
    expect(stderr).toContain(`error: ${GUESTS_TEST}:5: test_visitor_needs_only_a_greeting fails`);
    await fresh(guest);
  });

  it('when it rewrites or deletes the live branch', async () => {
    await guest.git('commit', '-q', '--amend', '-m', 'rewritten');
    expect((await guest.push('--force')).stderr).toContain('its history is not rewritten');
    expect((await guest.push('--delete')).stderr).toContain(
      'main is enforced and cannot be deleted',
    );
    await fresh(guest);
  });

  it('where the mesh directory has been changed by hand', async () => {
    const rules = await hello.rules();
    await appendFile(join(hello.directory, GUESTS), '# by hand\n');
    await guest.commit(GUESTS, `${rules}# pushed\n`);
    expect((await guest.push()).stderr).toContain(
      `${GUESTS}:1: has been changed by hand in the mesh directory`,
    );
    await writeFile(join(hello.directory, GUESTS), rules);
    await fresh(guest);
  });
});

describe('a push is taken', () => {
  it('into the mesh directory, with what it changes and who pushed it', async () => {
    await guest.commit(GUESTS, `${await guest.read(GUESTS)}${RENAME}`);
    const test = await guest.read(GUESTS_TEST);
    await guest.commit(
      GUESTS_TEST,
      test.replace(
        'guests.needs == {{"service": "visitor", "operation": "greeter.greet"}}',
        'count(guests.needs) == 2',
      ),
    );
    const { code, stderr } = await guest.push();
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toContain(
      'warning: visitor needs greeter.rename, which team hosts does not grant yet: ask hosts@hello.example',
    );
    expect(stderr).toContain('no edge changes');
    expect(stderr).toMatch(
      /checked in \d+\.\d s, \d+ tests passed(, \d+ of them earlier on the same files)?; pushed by gina@hello.example/,
    );
    expect(stderr).toContain('no mesh is up');
    expect(await hello.rules()).toContain('greeter.rename');
    const checkout = new GitClone(hello.directory);
    expect((await checkout.git('status', '--porcelain')).stdout).toBe('');
    expect(
      (await checkout.git('notes', '--ref=dotline-pushers', 'show', 'HEAD')).stdout.trim(),
    ).toBe('gina@hello.example');
  });

  it('to a branch of its own whatever it holds, with what it would do', async () => {
    await guest.commit(GUESTS, 'package mesh.teams.guests\n');
    const { code, stderr } = await guest.push('origin', 'HEAD:refs/heads/try');
    expect(code).toBe(0);
    expect(stderr).toContain('try is not enforced; this is what it would do:');
    expect(stderr).toContain('-1 edge visitor → greeter (greeter.greet)');
    expect(stderr).toContain('error: policies/teams/guests/guests_test.rego:5:');
    await fresh(guest);
  });

  it('without a check, when nothing changes that a mesh is read from', async () => {
    await writeFile(join(guest.directory, 'README.md'), 'Hello\n');
    await guest.git('add', 'README.md');
    await guest.commit('README.md', 'Hello, house\n');
    const { code, stderr } = await guest.push();
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toContain('remote: the mesh is as it was');
    expect(stderr).not.toContain('passed');
  });

  it('once, when two come at the same time', async () => {
    await fresh(host);
    await guest.commit(GUESTS, `${await guest.read(GUESTS)}# guests\n`);
    await host.commit(HOSTS, `${await host.read(HOSTS)}# hosts\n`);
    const pushes = await Promise.all([guest.push(), host.push()]);
    expect(pushes.map(({ code }) => code === 0).sort()).toEqual([false, true]);
    const winner = pushes[0].code === 0 ? guest : host;
    expect((await winner.git('rev-parse', 'HEAD')).stdout.trim()).toBe(await head());
    expect((await new GitClone(hello.directory).git('status', '--porcelain')).stdout).toBe('');
  });
});

it('over HTTPS a clone trusts the authority of the mesh, and plain HTTP is told so', async () => {
  const secure = await ServedRepository.start(hello.directory, '--tls', '--name', 'git.example');
  try {
    const address = (await secure.addressFor('harry')).replace('git.example', '127.0.0.1');
    const root = join(hello.directory, '.dotline/data/certificate-authority/root.pem');
    const trust = ['-c', `http.sslCAInfo=${root}`];
    const clone = await GitClone.of(address, join(folder, 'secure'), ...trust);
    await clone.commit(HOSTS, `${await clone.read(HOSTS)}# over HTTPS\n`);
    expect(await clone.push()).toMatchObject({ code: 0 });
    expect(await head()).toBe((await clone.git('rev-parse', 'HEAD')).stdout.trim());
    const strangers = GitClone.of(address, join(folder, 'untrusted'));
    await expect(strangers).rejects.toThrow('certificate');
    const plain = GitClone.of(address.replace('https', 'http'), join(folder, 'plain'));
    await expect(plain).rejects.toThrow(
      'remote: this repository takes no token over plain HTTP: write https:// in its address',
    );
  } finally {
    await secure.stop();
  }
});

it('nonsense is one line', async () => {
  const cases = [
    [['git', 'hooks', 'install', '/nowhere'], '/nowhere is no Git repository'],
    [['git', 'token', 'a b'], '"a b" is no name'],
    [['git', 'serve', '--listen', '8090'], 'an address is host:port'],
    [['git', 'serve', '--tls-key', 'key.pem'], '--tls-certificate and --tls-key, both or neither'],
    [
      ['git', 'serve', '--tls-certificate', '/nowhere', '--tls-key', '/nowhere'],
      '/nowhere cannot be read: ENOENT',
    ],
    [['up', '--follow', 'https://git.example/x'], 'is no <url>#<branch>'],
  ] as const;
  const answers = await Promise.all(cases.map(([args]) => hello.dotline(...args)));
  for (const [index, { code, stderr }] of answers.entries()) {
    expect(code).not.toBe(0);
    expect(stderr).toContain(cases[index]?.[1]);
    expect(stderr).not.toContain('    at ');
  }
});
