/**
 * Bundles the page into `dist/web` (or the folder named as the first argument): scripts and styles
 * with content-hashed names, which may be cached for ever, and an `index.html`, which may not.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const web = fileURLToPath(new URL('./web', import.meta.url));
const out = resolve(process.argv[2] ?? fileURLToPath(new URL('./dist/web', import.meta.url)));

const shared = {
  absWorkingDir: web,
  outdir: out,
  bundle: true,
  minify: true,
  metafile: true,
  format: 'esm',
  target: 'es2022',
  entryNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  legalComments: 'linked',
  loader: { '.svg': 'copy' },
  logLevel: 'warning',
};

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const worker = await build({ ...shared, entryPoints: ['layout/layout-worker.ts'] });
const page = await build({
  ...shared,
  entryPoints: ['main.tsx', 'icon.svg'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  sourcemap: 'linked',
  define: {
    LAYOUT_WORKER_FILE: JSON.stringify(`./${outputOf(worker, 'layout/layout-worker.ts', '.js')}`),
  },
});

const template = await readFile(join(web, 'index.html'), 'utf8');
const names = {
  script: outputOf(page, 'main.tsx', '.js'),
  style: outputOf(page, 'main.tsx', '.css'),
  icon: outputOf(page, 'icon.svg', '.svg'),
};
const html = template.replace(/\{(script|style|icon)\}/g, (_, name) => `./${names[name]}`);
await writeFile(join(out, 'index.html'), html);
console.log(`built ${relative(process.cwd(), out) || out}`);

/** The file that an entry became; with `.css` the styles that the entry imports. */
function outputOf(result, entry, extension) {
  const found = Object.entries(result.metafile.outputs).find(
    ([, output]) => output.entryPoint === entry,
  );
  if (found === undefined) throw new Error(`esbuild wrote nothing for ${entry}`);
  const [path, output] = found;
  return basename(extension === '.css' ? (output.cssBundle ?? '') : path);
}
