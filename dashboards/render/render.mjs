// Draws every dashboard to a PNG: render.mjs PROMETHEUS FROM TO OUT, times in seconds since 1970.
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const [prometheus, from, to, out, mode = 'light'] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const dashboards = join(here, '..');

const bundle = await build({
  // Aliases are looked up from there.
  absWorkingDir: here,
  entryPoints: [join(here, 'main.jsx')],
  bundle: true,
  write: false,
  outdir: 'out',
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  alias: { 'react-router-dom-v5-compat': 'react-router-dom' },
  loader: { '.css': 'text', '.svg': 'dataurl', '.ttf': 'dataurl', '.woff2': 'dataurl' },
  nodePaths: process.env.NODE_PATH ? [process.env.NODE_PATH] : [],
  logLevel: 'error',
});
const script = bundle.outputFiles.find((file) => file.path.endsWith('.js')).text;

let wrong = false;
function told(text) {
  const { error, dashboard, empty } = JSON.parse(text);
  if (error) console.error(error);
  wrong ||= Boolean(error);
  if (empty?.length) console.log(`${dashboard}: nothing in ${empty.join(', ')}`);
}

const server = createServer(async (request, response) => {
  const { pathname, search } = new URL(request.url, 'http://localhost');
  if (pathname === '/') {
    response.setHeader('content-type', 'text/html; charset=utf-8').end('<!doctype html><body style="margin:0"><div id="root"></div><script src="/main.js"></script>');
  } else if (pathname === '/main.js') {
    response.setHeader('content-type', 'text/javascript; charset=utf-8').end(script);
  } else if (pathname === '/told') {
    const parts = [];
    for await (const part of request) parts.push(part);
    told(Buffer.concat(parts).toString());
    response.end();
  } else if (pathname.startsWith('/dashboards/')) {
    response.end(readFileSync(join(dashboards, pathname.slice('/dashboards/'.length).replaceAll('/', ''))));
  } else if (pathname.startsWith('/api/v1/')) {
    const answer = await fetch(prometheus + pathname + search);
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  } else {
    response.writeHead(404).end();
  }
}).listen(0, '127.0.0.1');
await new Promise((listening) => server.once('listening', listening));

// As tall as the lowest panel reaches.
function tall(file) {
  const { panels } = JSON.parse(readFileSync(join(dashboards, file)));
  return 64 + 38 * Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
}

async function shoot(file) {
  const url = `http://127.0.0.1:${server.address().port}/?${new URLSearchParams({ dashboard: file, from, to, mode })}`;
  const options = ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--virtual-time-budget=20000'];
  const picture = join(out, file.replace('.json', '.png').replace('gaoler-', 'dashboard-'));
  const chromium = spawn('chromium', [...options, `--window-size=1600,${tall(file)}`, `--screenshot=${picture}`, url], { stdio: 'ignore' });
  await new Promise((ended) => chromium.once('exit', ended));
  execFileSync('pngquant', ['--force', '--ext=.png', '--speed=1', '64', picture]);
}

for (const file of readdirSync(dashboards).filter((name) => name.endsWith('.json') && name.startsWith('gaoler-'))) await shoot(file);
server.close();
server.closeAllConnections();
process.exit(wrong ? 1 : 0);
