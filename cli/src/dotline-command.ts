import { fileURLToPath } from 'node:url';

/** How another process calls this command. */
export const DOTLINE: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL('../bin/dotline.js', import.meta.url)),
];
