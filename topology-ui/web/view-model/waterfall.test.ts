import { describe, expect, it } from '@jest/globals';
import { exampleTrace } from '../test-support/example-details.js';
import { waterfall, waterfallRowsMax } from './waterfall.js';

const span = (spanId: string, parentSpanId: string, startMs: number, durationMs = 10) => ({
  spanId,
  parentSpanId,
  startMs,
  durationMs,
  name: spanId,
  service: 's',
  kind: 'server',
  failed: false,
});

describe('the waterfall', () => {
  it('orders spans as a tree, with shares of the whole', () => {
    const { rows, durationMs } = waterfall(exampleTrace().spans);
    expect(rows.map(({ span, depth }) => `${span.spanId}${depth}`).join(' ')).toBe(
      'a0 b1 c2 d3 e4 f2 g3 h2 i3',
    );
    expect(durationMs).toBe(86);
    expect(rows[1]?.offset).toBeCloseTo(2 / 86);
    expect(rows[1]?.length).toBeCloseTo(82 / 86);
  });

  it('puts spans without their parent at the top and survives cycles', () => {
    const { rows } = waterfall([span('x', 'missing', 5), span('a', 'b', 0), span('b', 'a', 1)]);
    expect(rows.map((row) => row.span.spanId).sort()).toEqual(['a', 'b', 'x']);
  });

  it('is empty without spans and bounded with many', () => {
    expect(waterfall([])).toEqual({ rows: [], startMs: 0, durationMs: 0 });
    const many = Array.from({ length: 700 }, (_, index) => span(`s${index}`, '', index));
    expect(waterfall(many).rows.length).toBe(waterfallRowsMax);
  });
});
