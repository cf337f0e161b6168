/** Colours of teams, made legible on the theme's background. sRGB, `#rrggbb`. */

export type Theme = 'light' | 'dark';

type Rgb = readonly [number, number, number];

const neutral = '#8a94a6';

/** Backgrounds that contrast is measured against; the same values stand in `styles/tokens.css`. */
export const backgrounds: Readonly<Record<Theme, string>> = { light: '#f6f7f9', dark: '#0e131a' };

/**
 * The team's colour, moved towards black (light theme) or white (dark theme) until it stands out by
 * the contrast that WCAG 2.2 asks of graphics (1.4.11: 3:1). What is no colour becomes grey.
 */
export function legibleColour(colour: string, theme: Theme, contrast = 3): string {
  const start = parse(colour) ?? parse(neutral);
  const background = parse(backgrounds[theme]);
  if (start === undefined || background === undefined) return neutral;
  const towards = theme === 'light' ? 0 : 255;
  for (let step = 0; step <= 20; step += 1) {
    const mixed = mix(start, towards, step / 20);
    if (ratio(mixed, background) >= contrast) return format(mixed);
  }
  return format(mix(start, towards, 1));
}

/** White where it reads at all, so that dots look alike; black on bright colours. */
export function textOn(colour: string): '#ffffff' | '#10151d' {
  const rgb = parse(colour) ?? [138, 148, 166];
  return ratio(rgb, [255, 255, 255]) >= 2.6 ? '#ffffff' : '#10151d';
}

/** WCAG contrast of two colours, 1 to 21. */
export function contrastOf(a: string, b: string): number {
  const first = parse(a);
  const second = parse(b);
  return first === undefined || second === undefined ? 1 : ratio(first, second);
}

function parse(colour: string): Rgb | undefined {
  const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  if (match === null) return undefined;
  const [, red = '', green = '', blue = ''] = match;
  return [Number.parseInt(red, 16), Number.parseInt(green, 16), Number.parseInt(blue, 16)];
}

function format(rgb: Rgb): string {
  return `#${rgb.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`;
}

function mix(rgb: Rgb, towards: number, share: number): Rgb {
  const [red, green, blue] = rgb;
  const move = (part: number) => part + (towards - part) * share;
  return [move(red), move(green), move(blue)];
}

function ratio(a: Rgb, b: Rgb): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return ((high ?? 0) + 0.05) / ((low ?? 0) + 0.05);
}

function luminance([red, green, blue]: Rgb): number {
  const linear = (part: number) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}
