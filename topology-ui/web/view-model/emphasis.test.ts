import { describe, expect, it } from '@jest/globals';
import { exampleGraph } from '../test-support/example-mesh.js';
import { type EmphasisWish, emphasise } from './emphasis.js';
import { graphElements } from './graph-elements.js';

const elements = graphElements(exampleGraph(), null, 'light');
const none: EmphasisWish = {
  selection: null,
  team: null,
  product: null,
  matches: null,
  hovered: null,
};
const bright = (wish: Partial<EmphasisWish>) => {
  const { dimmed, hidden } = emphasise(elements, { ...none, ...wish });
  return elements.dots.map(({ id }) => id).filter((id) => !dimmed.has(id) && !hidden.has(id));
};

describe('emphasis', () => {
  it('dims and hides nothing without a wish', () => {
    expect(bright({})).toEqual(elements.dots.map(({ id }) => id));
  });

  it('shows a selected service with its neighbours and their lines', () => {
    const selection = { kind: 'service', name: 'surge' } as const;
    expect(bright({ selection })).toEqual(['driver-location', 'fare', 'surge']);
    const { looked, selected } = emphasise(elements, { ...none, selection });
    expect(selected).toBe('surge');
    expect([...looked].sort()).toEqual(
      ['driver-location', 'fare', 'fare->surge', 'surge', 'surge->driver-location'].sort(),
    );
  });

  it('shows a selected line with its ends, and denied attempts too', () => {
    const edge = { kind: 'edge', caller: 'orders', callee: 'fare' } as const;
    expect(bright({ selection: edge })).toEqual(['fare', 'orders']);
    const denial = { kind: 'denial', caller: 'ratings', callee: 'payments' } as const;
    expect(bright({ selection: denial })).toEqual(['payments', 'ratings']);
  });

  it('dims nothing for a selection that is not drawn', () => {
    expect(bright({ selection: { kind: 'service', name: 'gone' } }).length).toBe(
      elements.dots.length,
    );
  });

  it("shows a team's services with their neighbours", () => {
    expect(bright({ team: 'calls' })).toEqual(['calls', 'chat-gateway', 'presence']);
  });

  it('hides other products, but keeps the far ends of lines into them', () => {
    const shown = bright({ product: 'whatsapp' });
    expect(shown).toContain('rider-notifier');
    expect(shown).not.toContain('surge');
    const { hidden } = emphasise(elements, { ...none, product: 'whatsapp' });
    expect(hidden.has('fare->surge')).toBe(true);
    expect(hidden.has('rider-notifier->messages')).toBe(false);
  });

  it('dims what a search does not match', () => {
    expect(bright({ matches: new Set(['maps']) })).toEqual(['maps']);
  });
});
