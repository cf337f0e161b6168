import { describe, expect, it } from '@jest/globals';
import { core } from '@opentelemetry/sdk-node';
import { HoldingExporter } from './holding-exporter.js';

const { SUCCESS, FAILED } = core.ExportResultCode;

/** Fails with each of these, then takes everything. */
function exporterFailing(...failures: unknown[]) {
  const attempts: string[] = [];
  const lines: string[] = [];
  const inner = {
    export(batch: string, done: (result: core.ExportResult) => void) {
      attempts.push(batch);
      const error = failures.shift() as Error | undefined;
      done(error === undefined ? { code: SUCCESS } : { code: FAILED, error });
    },
    shutdown: async () => undefined,
  };
  const note = (...args: unknown[]) => void lines.push(String(args.at(-1)));
  const log = { warn: note, info: note } as never;
  return {
    attempts,
    lines,
    holding: (holdMsMax?: number) => new HoldingExporter('spans', inner, log, holdMsMax),
  };
}

function delivered(exporter: HoldingExporter<string>): Promise<core.ExportResult> {
  return new Promise((resolve) => exporter.export('batch', resolve));
}

const away = () => Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
const answer = (code: number) => Object.assign(new Error(`${code}`), { code });

describe('a holding exporter', () => {
  it('tries a batch again until it is taken, and says so once', async () => {
    const { attempts, lines, holding } = exporterFailing(away(), new Error('no identity yet'));
    expect(await delivered(holding())).toEqual({ code: SUCCESS });
    expect(attempts).toHaveLength(3);
    expect(lines).toEqual(['spans wait to be exported', 'spans are exported again']);
  });

  it.each([401, 403, 408, 429, 503])('tries again after %i', async (code) => {
    const { attempts, holding } = exporterFailing(answer(code));
    expect(await delivered(holding())).toEqual({ code: SUCCESS });
    expect(attempts).toHaveLength(2);
  });

  it.each([400, 404, 413])('drops a batch that is answered with %i', async (code) => {
    const { attempts, holding } = exporterFailing(answer(code));
    expect(await delivered(holding())).toMatchObject({ code: FAILED });
    expect(attempts).toHaveLength(1);
  });

  it('drops a batch that nobody takes for too long', async () => {
    const { attempts, holding } = exporterFailing(...Array.from({ length: 100 }, away));
    expect(await delivered(holding(1_000))).toMatchObject({ code: FAILED });
    expect(attempts).toHaveLength(2);
  });

  it('has one more attempt when it gives up, and one for what comes later', async () => {
    const { attempts, holding } = exporterFailing(...Array.from({ length: 100 }, away));
    const exporter = holding();
    const waiting = delivered(exporter);
    exporter.giveUp();
    expect(await waiting).toMatchObject({ code: FAILED });
    expect(attempts).toHaveLength(2);
    expect(await delivered(exporter)).toMatchObject({ code: FAILED });
    expect(attempts).toHaveLength(3);
  });
});
