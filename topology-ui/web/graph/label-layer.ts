import type { Point } from '../layout/layout-wish.js';
import type { LineFigures } from '../live/store.js';
import { formatCount, formatMs, formatRate, formatShare } from '../view-model/format.js';
import type { Dot, Line } from '../view-model/graph-elements.js';
import { dangerColours } from '../view-model/graph-elements.js';
import { directionAt, pointOn } from './curves.js';
import type { Curve, GraphCanvas } from './graph-canvas.js';
import { warningColours } from './graph-style.js';
import { fontStack, inks } from './ink.js';
import { placeAt, sidesByPeace, TakenPlaces } from './label-placement.js';
import type { Layer } from './layer.js';
import type { Scene } from './scene.js';

/** Labels drawn at most; those of dots that need attention come first. */
const labelsMax = 400;
/** Below this zoom a large mesh shows names only where a person looks. */
const namesFromZoom = 0.3;
const figuresFromZoom = 1.35;

/** Draws names, replica counts, alerts, denied marks and the figures of lines over the graph. */
export class LabelLayer {
  private taken = new TakenPlaces();

  constructor(
    private readonly layer: Layer,
    private readonly canvas: GraphCanvas,
  ) {}

  draw(scene: Scene): void {
    this.layer.clear();
    this.taken = new TakenPlaces();
    const { zoom, pan, width, height } = this.canvas.viewport;
    const onScreen = (point: Point) => ({ x: point.x * zoom + pan.x, y: point.y * zoom + pan.y });
    const curves = new Map<string, Curve>();
    const large = scene.elements.lines.length > 800;
    for (const line of scene.elements.lines) {
      if (scene.emphasis.hidden.has(line.id)) continue;
      if (large && line.kind === 'allowed' && !scene.emphasis.looked.has(line.id)) continue;
      const curve = this.canvas.curveOf(line.id);
      if (curve !== undefined) curves.set(line.id, curve);
    }
    const visible = scene.elements.dots.flatMap((dot) => {
      const at = this.canvas.positionOf(dot.id);
      if (at === undefined || scene.emphasis.hidden.has(dot.id)) return [];
      const screen = onScreen(at);
      const near =
        screen.x > -80 && screen.y > -40 && screen.x < width + 80 && screen.y < height + 40;
      return near ? [{ dot, at: screen, radius: (dot.size / 2 + 2) * zoom }] : [];
    });
    for (const { at, radius } of visible) {
      this.taken.take({
        left: at.x - radius,
        top: at.y - radius,
        width: 2 * radius,
        height: 2 * radius,
      });
    }
    for (const line of scene.elements.lines) {
      const curve = curves.get(line.id);
      if (curve !== undefined && line.kind === 'denied') {
        this.denied(scene, line, onScreen(pointOn(curve, 0.5)), zoom);
      }
    }
    const directions = directionsByDot(scene.elements.lines, curves);
    const rank = ({ dot }: { dot: Dot }) =>
      (scene.emphasis.dimmed.has(dot.id) ? 100 : 0) -
      (scene.emphasis.looked.has(dot.id) ? 50 : 0) -
      (dot.alert === 'ok' && dot.health === 'healthy' ? 0 : 20) -
      dot.size / 10;
    for (const item of [...visible].sort((a, b) => rank(a) - rank(b)).slice(0, labelsMax)) {
      const looked = scene.emphasis.looked.has(item.dot.id);
      const named = !large || looked || zoom >= namesFromZoom;
      if (zoom > 0.22) this.count(scene, item.dot, item.at, zoom);
      if (named) this.name(scene, item, directions.get(item.dot.id) ?? [], zoom, looked);
      this.alert(scene, item.dot, item.at, item.radius, zoom);
    }
    this.figures(scene, curves, onScreen, zoom);
  }

  private name(
    scene: Scene,
    { dot, at, radius }: { readonly dot: Dot; readonly at: Point; readonly radius: number },
    directions: readonly number[],
    zoom: number,
    looked: boolean,
  ): void {
    const { context } = this.layer;
    const ink = inks[scene.theme];
    const size = Math.min(14, Math.max(10.5, 12.5 * zoom));
    const small = size - 2;
    const nameFont = `600 ${size}px ${fontStack}`;
    const noteFont = `400 ${small}px ${fontStack}`;
    const note = zoom >= 0.62 || looked ? noteOf(dot) : '';
    context.font = nameFont;
    const nameWidth = context.measureText(dot.id).width;
    context.font = noteFont;
    const width = Math.max(nameWidth, note === '' ? 0 : context.measureText(note).width) + 2;
    const height = size + 1 + (note === '' ? 0 : small + 2);
    const ringed = dot.health !== 'healthy' || dot.alert !== 'ok' ? 6 * zoom : 2;
    const places = sidesByPeace(directions).map((side) => ({
      side,
      place: placeAt(side, { ...at, radius }, { width, height }, ringed + 2),
    }));
    const found = places.find(({ place }) => this.taken.isFree(place));
    if (found === undefined && !looked) return;
    const { side, place } = found ?? {
      side: 'below',
      place: placeAt('below', { ...at, radius }, { width, height }, 4),
    };
    this.taken.take(place);
    context.globalAlpha = scene.emphasis.dimmed.has(dot.id) ? 0.25 : 1;
    context.textAlign = side === 'right' ? 'left' : side === 'left' ? 'right' : 'center';
    context.textBaseline = 'top';
    const x =
      side === 'right' ? place.left : side === 'left' ? place.left + width : place.left + width / 2;
    this.text(nameFont, dot.id, x, place.top, ink.text, ink.halo);
    if (note !== '') this.text(noteFont, note, x, place.top + size + 2, ink.muted, ink.halo);
    context.globalAlpha = 1;
  }

  private text(
    font: string,
    text: string,
    x: number,
    y: number,
    colour: string,
    halo: string,
  ): void {
    const { context } = this.layer;
    context.font = font;
    context.lineJoin = 'round';
    context.lineWidth = 4;
    context.strokeStyle = halo;
    context.strokeText(text, x, y);
    context.fillStyle = colour;
    context.fillText(text, x, y);
  }

  /** How many instances are ready, inside the dot. */
  private count(scene: Scene, dot: Dot, at: Point, zoom: number): void {
    const { context } = this.layer;
    const text =
      dot.health === 'unknown'
        ? '?'
        : dot.ready === dot.instances
          ? `×${dot.instances}`
          : `${dot.ready}/${dot.instances}`;
    const size = Math.min(14, 11.5 * zoom);
    if (size < 6.5) return;
    context.globalAlpha = scene.emphasis.dimmed.has(dot.id) ? 0.25 : 1;
    context.font = `600 ${size}px ${fontStack}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillStyle = dot.health === 'unknown' ? inks[scene.theme].muted : dot.textColour;
    context.fillText(text, at.x, at.y + 0.5);
    context.globalAlpha = 1;
  }

  /** A mark with a sign of its own, so that the ring's colour is not the only one. */
  private alert(scene: Scene, dot: Dot, at: Point, radius: number, zoom: number): void {
    const severe = dot.alert === 'page' || dot.health === 'down';
    const mild = dot.alert === 'ticket' || dot.health === 'degraded';
    if ((!severe && !mild) || zoom < 0.15) return;
    const { context } = this.layer;
    const r = Math.max(5.5, 8 * Math.min(1.2, zoom));
    const x = at.x + radius * 0.86;
    const y = at.y - radius * 0.86;
    context.globalAlpha = scene.emphasis.dimmed.has(dot.id) ? 0.3 : 1;
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
    context.fillStyle = severe ? dangerColours[scene.theme] : warningColours[scene.theme];
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = inks[scene.theme].halo;
    context.stroke();
    context.font = `800 ${r * 1.5}px ${fontStack}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillStyle = scene.theme === 'light' ? '#ffffff' : '#10151d';
    context.fillText(severe ? '!' : '~', x, y + 0.5);
    context.globalAlpha = 1;
  }

  private denied(scene: Scene, line: Line, at: Point, zoom: number): void {
    const { context } = this.layer;
    const danger = dangerColours[scene.theme];
    const r = Math.max(6, 8 * Math.min(1.2, zoom));
    context.globalAlpha = scene.emphasis.dimmed.has(line.id) ? 0.3 : 1;
    context.beginPath();
    context.arc(at.x, at.y, r, 0, 2 * Math.PI);
    context.fillStyle = danger;
    context.fill();
    context.strokeStyle = inks[scene.theme].halo;
    context.lineWidth = 2;
    context.stroke();
    const arm = r * 0.42;
    context.beginPath();
    context.moveTo(at.x - arm, at.y - arm);
    context.lineTo(at.x + arm, at.y + arm);
    context.moveTo(at.x + arm, at.y - arm);
    context.lineTo(at.x - arm, at.y + arm);
    context.strokeStyle = scene.theme === 'light' ? '#ffffff' : '#10151d';
    context.stroke();
    this.taken.take({ left: at.x - r, top: at.y - r, width: 2 * r, height: 2 * r });
    if (zoom > 0.35) {
      this.pill(
        scene,
        `denied ×${formatCount(line.deniedCount)}`,
        { x: at.x, y: at.y + r + 9 },
        danger,
        true,
      );
    }
    context.globalAlpha = 1;
  }

  private figures(
    scene: Scene,
    curves: ReadonlyMap<string, Curve>,
    onScreen: (point: Point) => Point,
    zoom: number,
  ): void {
    const everywhere = scene.lineFigures !== 'looked' || zoom >= figuresFromZoom;
    const ordered = scene.elements.lines
      .filter((line) => line.kind === 'allowed')
      .sort((a, b) => b.traffic.requestsPerSecond - a.traffic.requestsPerSecond);
    for (const line of ordered) {
      const curve = curves.get(line.id);
      const looked = scene.emphasis.looked.has(line.id);
      if (curve === undefined || !(looked || everywhere || line.state === 'failing')) continue;
      if (scene.emphasis.dimmed.has(line.id) && !looked) continue;
      const text = lineText(line, scene.lineFigures);
      const colour =
        line.state === 'failing' ? dangerColours[scene.theme] : inks[scene.theme].muted;
      for (const share of [0.5, 0.4, 0.6, 0.3, 0.7]) {
        if (this.pill(scene, text, onScreen(pointOn(curve, share)), colour, false)) break;
      }
    }
  }

  /** A figure on a plate; answers whether there was room. */
  private pill(scene: Scene, text: string, at: Point, colour: string, always: boolean): boolean {
    const { context } = this.layer;
    context.font = `600 10.5px ${fontStack}`;
    const width = context.measureText(text).width + 10;
    const place = { left: at.x - width / 2, top: at.y - 8, width, height: 16 };
    if (!always && !this.taken.isFree(place)) return false;
    this.taken.take(place);
    context.beginPath();
    context.roundRect(place.left, place.top, place.width, place.height, 8);
    context.fillStyle = inks[scene.theme].pill;
    context.fill();
    context.lineWidth = 1;
    context.strokeStyle = inks[scene.theme].pillBorder;
    context.stroke();
    context.fillStyle = colour;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText(text, at.x, at.y + 0.5);
    return true;
  }
}

function noteOf(dot: Dot): string {
  if (dot.health === 'unknown') return 'not in the catalog';
  const rate = dot.traffic.requestsPerSecond;
  return rate > 0 ? `${dot.team} · ${formatRate(rate)}` : dot.team;
}

function lineText(line: Line, figures: LineFigures): string {
  const { traffic } = line;
  if (line.state === 'idle') return 'idle';
  switch (figures) {
    case 'rate':
      return formatRate(traffic.requestsPerSecond);
    case 'errors':
      return `${formatShare(traffic.errorRate)} errors`;
    case 'latency':
      return `p95 ${formatMs(traffic.p95Ms)}`;
    case 'looked': {
      const errors = traffic.errorRate > 0 ? ` · ${formatShare(traffic.errorRate)} errors` : '';
      return `${formatRate(traffic.requestsPerSecond)}${errors}`;
    }
  }
}

function directionsByDot(
  lines: readonly Line[],
  curves: ReadonlyMap<string, Curve>,
): ReadonlyMap<string, readonly number[]> {
  const directions = new Map<string, number[]>();
  const add = (dot: string, direction: number) => {
    const known = directions.get(dot);
    if (known === undefined) directions.set(dot, [direction]);
    else known.push(direction);
  };
  for (const line of lines) {
    const curve = curves.get(line.id);
    if (curve === undefined) continue;
    add(line.caller, directionAt(curve, 'from'));
    add(line.callee, directionAt(curve, 'to'));
  }
  return directions;
}
