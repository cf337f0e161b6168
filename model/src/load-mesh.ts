import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { z } from 'zod';
import { loadEgress } from './egress.js';
import { loadTokenIssuers } from './load-token-issuers.js';
import type { Cell, Mesh, Objective, Service } from './mesh.js';
import { MeshError, type Problem } from './mesh-error.js';
import { MeshFile, ObjectiveFile, ServiceFile } from './mesh-schema.js';
import { type YamlFile, YamlFiles } from './yaml-file.js';

const SKIPPED = new Set(['node_modules', 'dist', '__pycache__']);
const MAX_FILES = 20_000;
/** Files and folders are small, and waiting for each costs more than reading it; between so many, others have a turn. */
const READS_AT_ONCE = 64;

/** Reads a mesh directory again and again; a file that is as it was costs no more than reading it. */
export class MeshReader {
  readonly #files = new YamlFiles();

  constructor(private readonly directory: string) {}

  /** The mesh as it is now. @throws MeshError with every problem found */
  read(): Promise<Mesh> {
    return readMesh(resolve(this.directory), this.#files);
  }
}

/**
 * Reads and validates a mesh directory once: `mesh.yaml`, every `service.yaml` below `services/` and every
 * OpenSLO file below `slo/objectives/<team>/`.
 * @throws MeshError with every problem found
 */
export function loadMesh(directory: string): Promise<Mesh> {
  return new MeshReader(directory).read();
}

async function readMesh(root: string, files: YamlFiles): Promise<Mesh> {
  const meshPath = join(root, 'mesh.yaml');
  const meshFile = files.read(meshPath, 'mesh.yaml', MeshFile);
  const problems: Problem[] = [];
  const cells = flattenCells(meshFile.value);
  problems.push(
    ...duplicates(
      'cell',
      cells.map((cell) => cell.name),
      meshFile.lineOf(['regions']),
    ),
  );
  problems.push(
    ...duplicates(
      'team',
      meshFile.value.teams.map((team) => team.name),
      meshFile.lineOf(['teams']),
    ),
  );

  const servicePaths = (await filesBelow(join(root, 'services'))).filter((path) =>
    path.endsWith('/service.yaml'),
  );
  const objectivePaths = (await filesBelow(join(root, 'slo/objectives'))).filter((path) =>
    /\.ya?ml$/.test(path),
  );
  files.keepOnly(new Set([meshPath, ...servicePaths, ...objectivePaths]));
  const services = await readEach(root, servicePaths, files, ServiceFile, problems, toService);
  const objectives = await readEach(
    root,
    objectivePaths,
    files,
    ObjectiveFile,
    problems,
    toObjective,
  );

  const egress = await loadEgress(services);
  problems.push(...egress.problems);
  const allServices = services
    .map(({ item }): Service => {
      const found = egress.of.get(item.name);
      return found === undefined ? item : { ...item, egress: found };
    })
    .sort(byName);
  const tokens = await loadTokenIssuers(
    root,
    meshFile.value.jwt ?? [],
    allServices,
    meshFile.lineOf,
  );
  problems.push(...tokens.problems);
  const mesh: Mesh = {
    name: meshFile.value.name,
    trustDomain: meshFile.value.trustDomain,
    contact: meshFile.value.contact,
    cells,
    // Who may push is Git's business, no part of a revision.
    teams: meshFile.value.teams.map(({ people: _people, ...team }) => team),
    products: meshFile.value.products,
    ...(meshFile.value.rollout === undefined ? {} : { rollout: meshFile.value.rollout }),
    limits: meshFile.value.limits,
    services: allServices,
    objectives: objectives.map(({ item }) => item).sort(byName),
    ...(tokens.issuers.length === 0 ? {} : { tokenIssuers: tokens.issuers }),
    directory: root,
  };
  problems.push(...checkRollout(mesh, meshFile.lineOf(['rollout', 'cell'])));
  problems.push(
    ...services.flatMap((read) => checkService(mesh, read)),
    ...repeated('service', services),
  );
  problems.push(
    ...objectives.flatMap((read) => checkObjective(mesh, read)),
    ...repeated('objective', objectives),
  );
  if (problems.length > 0) throw new MeshError(problems);
  return mesh;
}

interface Read<Raw, Item> {
  readonly yaml: YamlFile<Raw>;
  readonly item: Item;
  readonly file: string;
}

async function readEach<Raw, Item>(
  root: string,
  paths: readonly string[],
  files: YamlFiles,
  schema: z.ZodType<Raw>,
  problems: Problem[],
  make: (raw: Raw, path: string, file: string, yaml: YamlFile<Raw>) => Item,
): Promise<Read<Raw, Item>[]> {
  const read: Read<Raw, Item>[] = [];
  for (const [index, path] of paths.entries()) {
    if (index % READS_AT_ONCE === 0) await setImmediate();
    const file = relative(root, path);
    try {
      const yaml = files.read(path, file, schema);
      read.push({ yaml, item: make(yaml.value, path, file, yaml), file });
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      problems.push(...error.problems);
    }
  }
  return read;
}

/** Absolute paths of all files below a folder, sorted; none when the folder does not exist. */
export async function filesBelow(folder: string): Promise<string[]> {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return [];
  const found: string[] = [];
  for (let folders = [folder]; folders.length > 0; ) {
    const inside: string[] = [];
    for (const [index, each] of folders.entries()) {
      if (index % READS_AT_ONCE === 0) await setImmediate();
      for (const entry of readdirSync(each, { withFileTypes: true })) {
        // What is hidden belongs to tools: an environment of Python has thousands of files.
        if (SKIPPED.has(entry.name) || entry.name.startsWith('.')) continue;
        const path = join(each, entry.name);
        if (entry.isDirectory()) inside.push(path);
        else if (entry.isFile()) found.push(path);
      }
    }
    folders = inside;
    if (found.length > MAX_FILES || folders.length > MAX_FILES) {
      throw new MeshError([
        {
          file: folder,
          line: 1,
          message: `holds more than ${MAX_FILES} files`,
          hint: 'is this a mesh directory?',
        },
      ]);
    }
  }
  return found.sort();
}

function flattenCells(file: MeshFile): Cell[] {
  return file.regions.flatMap((region) =>
    region.zones.flatMap((zone) =>
      zone.cells.map((name) => ({ name, zone: zone.name, region: region.name })),
    ),
  );
}

function toService(raw: ServiceFile, path: string, file: string): Service {
  return {
    name: raw.name,
    team: raw.team,
    product: raw.product,
    tier: raw.tier,
    stage: raw.stage,
    router: raw.router,
    language: raw.language ?? 'envoy',
    description: raw.description,
    command: raw.command ?? [],
    environment: raw.environment,
    operations: raw.operations.map(({ purposes, host, ...operation }) => ({
      ...operation,
      ...(host === undefined ? {} : { host }),
      ...(purposes === undefined ? {} : { purposes }),
      id: `${raw.name}.${operation.name}`,
      service: raw.name,
    })),
    datastore: raw.datastore,
    placement: raw.placement,
    directory: dirname(path),
    file,
  };
}

function toObjective(
  raw: ObjectiveFile,
  _path: string,
  file: string,
  yaml: YamlFile<ObjectiveFile>,
): Objective {
  const source = raw.spec.indicator.spec.ratioMetric.good.metricSource.spec;
  return {
    name: raw.metadata.name,
    title: raw.metadata.displayName ?? raw.metadata.name,
    service: raw.spec.service,
    team: file.split('/')[2] ?? '',
    indicator:
      source.indicator === 'latency'
        ? { kind: 'latency', thresholdMs: source.thresholdMs }
        : { kind: 'availability' },
    target: raw.spec.objectives[0]?.target ?? Number.NaN,
    windowDays: Number.parseInt(raw.spec.timeWindow[0]?.duration ?? '', 10),
    file,
    line: yaml.lineOf(['spec']),
  };
}

function checkRollout({ rollout, cells }: Mesh, line: number): Problem[] {
  const known = cells.map(({ name }) => name);
  if (rollout?.cell === undefined || known.includes(rollout.cell)) return [];
  const hint = `mesh.yaml knows: ${known.join(', ')}`;
  return [{ file: 'mesh.yaml', line, message: `unknown cell ${rollout.cell}`, hint }];
}

function checkService(mesh: Mesh, { yaml, item, file }: Read<ServiceFile, Service>): Problem[] {
  const problems: Problem[] = [];
  const unknown = (path: PropertyKey[], what: string, value: string, known: readonly string[]) => {
    if (known.includes(value)) return;
    problems.push({
      file,
      line: yaml.lineOf(path),
      message: `unknown ${what} ${value}`,
      hint: `mesh.yaml knows: ${known.join(', ')}`,
    });
  };
  unknown(
    ['team'],
    'team',
    item.team,
    mesh.teams.map((team) => team.name),
  );
  unknown(['product'], 'product', item.product, mesh.products);
  const cells = mesh.cells.map((cell) => cell.name);
  for (const [index, cell] of item.placement.entries())
    unknown(['placement', index], 'cell', cell, cells);
  const seen = new Map<string, string>();
  for (const [index, operation] of item.operations.entries()) {
    const routes = [
      operation.name,
      `${operation.method} ${operation.host ?? ''}${operation.path.replaceAll(/\{[^}]*\}/g, '{}')}`,
    ];
    for (const route of routes) {
      const other = seen.get(route);
      if (other !== undefined) {
        problems.push({
          file,
          line: yaml.lineOf(['operations', index]),
          message: `operation ${operation.name} repeats ${route} of operation ${other}`,
        });
      }
      seen.set(route, operation.name);
    }
  }
  return problems;
}

function checkObjective(
  mesh: Mesh,
  { yaml, item, file }: Read<ObjectiveFile, Objective>,
): Problem[] {
  const service = mesh.services.find((candidate) => candidate.name === item.service);
  const line = yaml.lineOf(['spec', 'service']);
  if (service === undefined) return [{ file, line, message: `unknown service ${item.service}` }];
  if (service.team !== item.team) {
    return [
      {
        file,
        line,
        message: `${item.service} belongs to team ${service.team}, not ${item.team}`,
        hint: `move the file to slo/objectives/${service.team}/`,
      },
    ];
  }
  return [];
}

function repeated<Raw, Item extends { readonly name: string }>(
  what: string,
  reads: readonly Read<Raw, Item>[],
): Problem[] {
  const first = new Map<string, string>();
  return reads.flatMap(({ item, file, yaml }) => {
    const other = first.get(item.name);
    first.set(item.name, other ?? file);
    return other === undefined
      ? []
      : [
          {
            file,
            line: yaml.lineOf(['name']),
            message: `${what} ${item.name} is already defined in ${other}`,
          },
        ];
  });
}

function duplicates(what: string, names: readonly string[], line: number): Problem[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))].map((name) => ({
    file: 'mesh.yaml',
    line,
    message: `${what} ${name} is defined twice`,
  }));
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
