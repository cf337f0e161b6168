import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { backgrounds, contrastOf, legibleColour, textOn } from './colour.js';

describe('team colours', () => {
  it('keeps a colour that stands out already', () => {
    expect(legibleColour('#0b6bcb', 'light')).toBe('#0b6bcb');
    expect(legibleColour('#7fd1ff', 'dark')).toBe('#7fd1ff');
  });

  it('makes every colour stand out on both themes', () => {
    const colour = fc
      .integer({ min: 0, max: 0xffffff })
      .map((value) => `#${value.toString(16).padStart(6, '0')}`);
    fc.assert(
      fc.property(colour, fc.constantFrom('light' as const, 'dark' as const), (value, theme) => {
        expect(contrastOf(legibleColour(value, theme), backgrounds[theme])).toBeGreaterThan(2.9);
      }),
    );
  });

  it('draws what is no colour in grey', () => {
    expect(contrastOf(legibleColour('tomato', 'dark'), backgrounds.dark)).toBeGreaterThan(3);
  });

  it('writes white on dark and black on bright colours', () => {
    expect(textOn('#0b3d91')).toBe('#ffffff');
    expect(textOn('#ffe066')).toBe('#10151d');
  });
});
