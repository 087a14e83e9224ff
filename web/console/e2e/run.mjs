// Runs the browser tests: against FLYBALL_URL where it is set, else against a demo plant of their own, which is the binary of
// this workspace (`cargo build -p flyball-web`) with a data folder and ports that are gone afterwards.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BINARY = fileURLToPath(new URL('../../../target/debug/flyball', import.meta.url));
const START_MS = 60_000;

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function ended(child) {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
}

async function ready(url, server) {
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
    const reply = await fetch(`${url}/health/ready`).catch(() => null);
    if (reply?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the server was not ready in time');
}

async function test(url, control) {
  const runner = spawn('npx', ['playwright', 'test', ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, FLYBALL_URL: url, ...control },
  });
  return ended(runner);
}

/** Starts the server; `stop` ends it, as an operator would. */
async function start(data, bind, demoBind) {
  const server = spawn(BINARY, ['demo'], {
    cwd: data,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      FLYBALL__HTTP__BIND: bind,
      FLYBALL__DEMO__BIND: demoBind,
      FLYBALL__DATA__DIR: join(data, 'data'),
    },
  });
  const over = ended(server);
  const stop = async () => {
    server.kill('SIGTERM');
    await over;
  };
  try {
    await ready(`http://${bind}`, server);
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

/** Answers each POST after having called `act`; the tests run in a process of their own. */
async function listen(act) {
  const control = createHttpServer((request, reply) => {
    act().then(
      () => reply.end(),
      (error) => {
        reply.statusCode = 500;
        reply.end(String(error));
      },
    );
  });
  await new Promise((resolve) => control.listen(0, '127.0.0.1', resolve));
  return control;
}

async function testOwnServer() {
  const data = mkdtempSync(join(tmpdir(), 'flyball-e2e-'));
  const bind = `127.0.0.1:${await freePort()}`;
  const demoBind = `127.0.0.1:${await freePort()}`;
  let stop = async () => {};
  const control = await listen(async () => {
    await stop();
    stop = async () => {};
    stop = await start(data, bind, demoBind);
  });
  try {
    stop = await start(data, bind, demoBind);
    return await test(`http://${bind}`, { FLYBALL_RESTART: `http://127.0.0.1:${control.address().port}/` });
  } finally {
    control.close();
    await stop();
    rmSync(data, { recursive: true, force: true });
  }
}

const given = process.env.FLYBALL_URL;
const code = await (given ? test(given) : testOwnServer());
process.exit(code === 0 ? 0 : 1);
