import type { EdgeView, ObjectiveView, ServiceView, StatusView } from '@dotline/topology-ui/api';
import { type Command, Option } from 'commander';
import { durationMs } from './arguments.js';
import { edgesAnswer, objectivesAnswer, servicesAnswer, statusAnswer } from './commands.js';
import { explainAnswer } from './explain-answer.js';
import { answer, type MeshOptions, meshCommand } from './mesh-command.js';
import { readApi } from './page-server-client.js';
import { waitAnswer } from './wait.js';

/** `dotline status | services | edges | explain | slo | wait`. */
export function meshCommands(program: Command): void {
  meshCommand(
    program,
    'status',
    'The live revision and the sidecars that hold it; exit code 0 only when all do',
  ).action((options: MeshOptions) =>
    answer(options, async (address) =>
      statusAnswer(await readApi<StatusView>(address, '/api/status')),
    ),
  );
  meshCommand(program, 'services', 'Services with their owners, health and traffic').action(
    (options: MeshOptions) =>
      answer(options, async (address) =>
        servicesAnswer(await readApi<ServiceView[]>(address, '/api/services')),
      ),
  );
  meshCommand(program, 'edges', 'Allowed edges with their operations and traffic').action(
    (options: MeshOptions) =>
      answer(options, async (address) =>
        edgesAnswer(await readApi<EdgeView[]>(address, '/api/edges')),
      ),
  );
  meshCommand(
    program,
    'explain',
    'Why one service may call another, or what is missing; exit code 1 when it may not',
  )
    .argument('<from>', 'caller service')
    .argument('<to>', 'callee service')
    .action((from: string, to: string, options: MeshOptions) =>
      answer(options, async (address) =>
        explainAnswer(
          await readApi(address, `/api/explain/${serviceName(from)}/${serviceName(to)}`),
        ),
      ),
    );
  meshCommand(
    program,
    'slo',
    'Objectives with their error budgets and alerts; exit code 1 while one pages',
  ).action((options: MeshOptions) =>
    answer(options, async (address) =>
      objectivesAnswer(await readApi<ObjectiveView[]>(address, '/api/objectives')),
    ),
  );

  meshCommand(
    program,
    'wait',
    'Wait until every sidecar that a revision touches holds it; exit code 1 names those that lag',
  )
    .argument('<revision>', 'its id or commit (seven characters are enough), or live')
    .addOption(
      new Option('--for <duration>', 'for at most so long, such as 30s or 2m')
        .argParser(durationMs)
        .default(30_000, '30s'),
    )
    .action((revision: string, options: MeshOptions & { readonly for: number }) =>
      answer(options, (address) => waitAnswer(address, revision, options.for)),
    );
}

/** A service as a person names it, or as the answer to a denied request does: by its SPIFFE ID. */
function serviceName(text: string): string {
  return encodeURIComponent(text.startsWith('spiffe://') ? (text.split('/').at(-1) ?? text) : text);
}
