import { relative, sep } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { gitFolders } from './git-checkout.js';
import { type MeshChange, mergeChanges } from './mesh-change.js';

/** A save is several events (truncate, write, rename): it is over when there was none for so long. */
const SETTLE_MS = 40;
/** After so long it may be over: what is read then is most often what will hold. */
const PREPARE_MS = 8;
/** Under a stream of changes, such as a long checkout, this is the longest wait. */
const SETTLE_MAX_MS = 500;

/**
 * A new folder is read before it is watched, so what comes into it between the two is not told. After so long the
 * folder is looked into once more.
 */
const NEW_FOLDER_MS = 1_000;

const SKIPPED = new Set(['node_modules', 'dist', '.git', '.dotline', '.venv']);

/**
 * Tells when a mesh directory's content, or the commit of its checkout, may have changed. Folders
 * are watched, not files, so saves that rename a new file over the old one are seen.
 */
export class MeshWatcher {
  #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | undefined;
  #prepareTimer: NodeJS.Timeout | undefined;
  #change: MeshChange | undefined;
  #folderTimer: NodeJS.Timeout | undefined;
  #newFolders = new Map<string, FSWatcher>();

  private constructor(
    private readonly directory: string,
    private readonly changed: (change: MeshChange) => void,
    private readonly mayChange: () => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  /**
   * Resolves when no change from now on can be missed. `mayChange` comes before `changed`, while more may follow.
   */
  static async start(
    directory: string,
    changed: (change: MeshChange) => void,
    mayChange: () => void,
    onError: (error: unknown) => void,
  ): Promise<MeshWatcher> {
    const watcher = new MeshWatcher(directory, changed, mayChange, onError);
    const started = [
      watcher.#watch([directory], (path, isFile) =>
        isIgnored(relative(directory, path).split(sep), isFile),
      ),
    ];
    const git = await gitFolders(directory);
    if (git !== undefined) {
      const folders = [...new Set([git.own, git.common])];
      started.push(
        watcher.#watch(folders, (path) => {
          const [folder = git.own] = folders.filter((each) => isBelow(each, path)).reverse();
          return isIgnoredByGit(relative(folder, path).split(sep));
        }),
      );
    }
    await Promise.all(started);
    return watcher;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    clearTimeout(this.#prepareTimer);
    clearTimeout(this.#folderTimer);
    await Promise.all(this.#watchers.map((watcher) => watcher.close()));
    this.#watchers = [];
  }

  #watch(paths: string[], ignored: (path: string, isFile: boolean) => boolean): Promise<void> {
    const watcher = watch(paths, {
      ignoreInitial: true,
      followSymlinks: false,
      ignored: (path, stats) => ignored(path, stats?.isFile() ?? false),
    });
    this.#watchers.push(watcher);
    // Only files are content; what a new folder holds is told file by file.
    for (const event of ['add', 'change', 'unlink'] as const) {
      watcher.on(event, (path) => this.#event(path));
    }
    watcher.on('addDir', (path) => this.#folder(watcher, path));
    watcher.on('error', this.onError);
    return new Promise((resolve) => watcher.once('ready', resolve));
  }

  #folder(watcher: FSWatcher, path: string): void {
    this.#newFolders.set(path, watcher);
    this.#folderTimer ??= setTimeout(() => {
      this.#folderTimer = undefined;
      const folders = [...this.#newFolders];
      this.#newFolders.clear();
      for (const [folder, each] of folders) each.add(folder);
      this.#event(path);
    }, NEW_FOLDER_MS);
  }

  #event(path: string): void {
    const now = Date.now();
    const file = relative(this.directory, path);
    const change = mergeChanges(this.#change, { sinceMs: now, files: [file] });
    this.#change = change;
    clearTimeout(this.#timer);
    clearTimeout(this.#prepareTimer);
    this.#prepareTimer = setTimeout(this.mayChange, PREPARE_MS);
    const longestMs = Math.max(change.sinceMs + SETTLE_MAX_MS - now, 0);
    this.#timer = setTimeout(
      () => {
        this.#change = undefined;
        this.changed(change);
      },
      Math.min(SETTLE_MS, longestMs),
    );
  }
}

/**
 * Everything but `mesh.yaml`, `services/`, `policies/` and `slo/objectives/`, of files only YAML, Rego and the
 * key sets of policies;
 * and the lock of a checkout, whose end says that there is another commit.
 */
function isIgnored(path: readonly string[], isFile: boolean): boolean {
  const [top = '', second] = path;
  if (top === '') return false;
  if (top === '.dotline') return path.length > 1 && second !== 'checkout.lock';
  if (path.length === 1 && top === 'mesh.yaml') return false;
  if (!['services', 'policies', 'slo'].includes(top)) return true;
  if (top === 'slo' && second !== undefined && second !== 'objectives') return true;
  if (path.some((segment) => SKIPPED.has(segment))) return true;
  const kinds = top === 'policies' ? /\.(ya?ml|rego|json)$/ : /\.(ya?ml|rego)$/;
  return isFile && !kinds.test(path.at(-1) ?? '');
}

/** Everything but what says which commit is checked out. */
function isIgnoredByGit(path: readonly string[]): boolean {
  const [top = '', second] = path;
  if (top === '' || top === 'HEAD' || top === 'packed-refs') return false;
  if (path.at(-1)?.endsWith('.lock')) return true;
  return !(top === 'refs' && (second === undefined || second === 'heads'));
}

function isBelow(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}
