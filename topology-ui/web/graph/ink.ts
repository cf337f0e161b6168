import type { Theme } from '../view-model/colour.js';

/** Colours of text and badges on the graph; the same values stand in `styles/tokens.css`. */
export interface Ink {
  readonly text: string;
  readonly muted: string;
  readonly halo: string;
  readonly pill: string;
  readonly pillBorder: string;
  readonly region: string;
  readonly regionBorder: string;
}

export const inks: Readonly<Record<Theme, Ink>> = {
  light: {
    text: '#1a2230',
    muted: '#566275',
    halo: '#f6f7f9',
    pill: '#ffffff',
    pillBorder: '#d5dae2',
    region: 'rgba(70, 90, 130, 0.045)',
    regionBorder: 'rgba(70, 90, 130, 0.14)',
  },
  dark: {
    text: '#e6ebf2',
    muted: '#95a1b3',
    halo: '#0e131a',
    pill: '#19212c',
    pillBorder: '#344050',
    region: 'rgba(150, 175, 220, 0.045)',
    regionBorder: 'rgba(150, 175, 220, 0.15)',
  },
};

export const fontStack =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif';
