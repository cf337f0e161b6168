import type { Point } from '../layout/layout-wish.js';
import { type Dot, dangerColours } from '../view-model/graph-elements.js';
import { warningColours } from './graph-style.js';
import { fontStack, inks } from './ink.js';
import type { Rectangle } from './label-placement.js';
import type { Scene } from './scene.js';

/** What the marks are drawn with. Coordinates are screen pixels. */
export interface Pen {
  readonly context: CanvasRenderingContext2D;
  readonly scene: Scene;
  readonly zoom: number;
}

/** How many instances are ready, inside the dot; `?` for what is no service. */
export function drawCount({ context, scene, zoom }: Pen, dot: Dot, at: Point): void {
  const size = Math.min(14, 11.5 * zoom);
  if (size < 6.5) return;
  const all = dot.ready === dot.instances;
  const text =
    dot.health === 'unknown' ? '?' : all ? `×${dot.instances}` : `${dot.ready}/${dot.instances}`;
  context.globalAlpha = scene.emphasis.dimmed.has(dot.id) ? 0.25 : 1;
  context.font = `600 ${size}px ${fontStack}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillStyle = dot.health === 'unknown' ? inks[scene.theme].muted : dot.textColour;
  context.fillText(text, at.x, at.y + 0.5);
  context.globalAlpha = 1;
}

/** A mark with a sign of its own, so that the ring's colour is not the only one. */
export function drawAlert(pen: Pen, dot: Dot, at: Point, radius: number): void {
  const { context, scene, zoom } = pen;
  const severe = dot.alert === 'page' || dot.health === 'down';
  const mild = dot.alert === 'ticket' || dot.health === 'degraded';
  if ((!severe && !mild) || zoom < 0.15) return;
  const r = Math.max(5.5, 8 * Math.min(1.2, zoom));
  const centre = { x: at.x + radius * 0.86, y: at.y - radius * 0.86 };
  context.globalAlpha = scene.emphasis.dimmed.has(dot.id) ? 0.3 : 1;
  disc(pen, centre, r, severe ? dangerColours[scene.theme] : warningColours[scene.theme]);
  context.font = `800 ${r * 1.5}px ${fontStack}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillStyle = onBright(scene);
  context.fillText(severe ? '!' : '~', centre.x, centre.y + 0.5);
  context.globalAlpha = 1;
}

/** The cross on denied attempts; answers its radius. */
export function drawCross(pen: Pen, at: Point): number {
  const { context, scene, zoom } = pen;
  const r = Math.max(6, 8 * Math.min(1.2, zoom));
  const arm = r * 0.42;
  disc(pen, at, r, dangerColours[scene.theme]);
  context.beginPath();
  context.moveTo(at.x - arm, at.y - arm);
  context.lineTo(at.x + arm, at.y + arm);
  context.moveTo(at.x + arm, at.y - arm);
  context.lineTo(at.x - arm, at.y + arm);
  context.strokeStyle = onBright(scene);
  context.stroke();
  return r;
}

const pillFont = `600 10.5px ${fontStack}`;

export function pillSize({ context }: Pen, text: string): { width: number; height: number } {
  context.font = pillFont;
  return { width: context.measureText(text).width + 10, height: 16 };
}

/** A figure on a plate. */
export function drawPill(
  { context, scene }: Pen,
  text: string,
  place: Rectangle,
  colour: string,
): void {
  context.beginPath();
  context.roundRect(place.left, place.top, place.width, place.height, 8);
  context.fillStyle = inks[scene.theme].pill;
  context.fill();
  context.lineWidth = 1;
  context.strokeStyle = inks[scene.theme].pillBorder;
  context.stroke();
  context.font = pillFont;
  context.fillStyle = colour;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, place.left + place.width / 2, place.top + place.height / 2 + 0.5);
}

function disc({ context, scene }: Pen, at: Point, radius: number, colour: string): void {
  context.beginPath();
  context.arc(at.x, at.y, radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = inks[scene.theme].halo;
  context.stroke();
}

/** Signs on red and amber: light theme's are dark, dark theme's are bright. */
function onBright(scene: Scene): string {
  return scene.theme === 'light' ? '#ffffff' : '#10151d';
}
