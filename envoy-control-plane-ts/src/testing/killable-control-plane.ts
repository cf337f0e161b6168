import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { TypedResource } from '../resource.js';
import type { NodeStatus } from '../status.js';

export interface ControlPlaneOrder {
  readonly id: number;
  readonly nodeId: string;
  /** Served from now on; nothing changes without. */
  readonly resources?: readonly TypedResource[];
}

export interface ControlPlaneAnswer {
  readonly id: number;
  readonly port: number;
  readonly status: NodeStatus[];
}

/** A `ControlPlane` in a process of its own, as it was compiled. */
export class KillableControlPlane {
  #lastId = 0;

  private constructor(
    private readonly process: ChildProcess,
    readonly port: number,
  ) {}

  static async start(): Promise<KillableControlPlane> {
    const dist = join(import.meta.dirname, '..', '..', 'dist');
    const child = fork(join(dist, 'testing', 'control-plane-process.js'), {
      execArgv: [],
      serialization: 'advanced',
    });
    const { port } = await answerTo(child, 0);
    return new KillableControlPlane(child, port);
  }

  async set(nodeId: string, resources: readonly TypedResource[]): Promise<void> {
    await this.#order({ nodeId, resources });
  }

  async status(): Promise<NodeStatus[]> {
    return (await this.#order({ nodeId: '' })).status;
  }

  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }

  #order(order: Omit<ControlPlaneOrder, 'id'>): Promise<ControlPlaneAnswer> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = answerTo(this.process, id);
    this.process.send({ ...order, id });
    return answer;
  }
}

function answerTo(child: ChildProcess, id: number): Promise<ControlPlaneAnswer> {
  return new Promise((resolve, reject) => {
    const ended = () => {
      child.off('message', receive);
      reject(new Error('the control plane ended'));
    };
    const receive = (message: unknown) => {
      const answer = message as ControlPlaneAnswer;
      if (answer.id === id) {
        child.off('message', receive);
        child.off('exit', ended);
        resolve(answer);
      }
    };
    child.on('message', receive);
    child.once('exit', ended);
  });
}
