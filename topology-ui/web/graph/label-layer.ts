import type { Point } from '../layout/layout-wish.js';
import { formatRate } from '../view-model/format.js';
import { type Dot, dangerColours, type Line } from '../view-model/graph-elements.js';
import { pointOn } from './curves.js';
import { type Curve, type GraphCanvas, manyLinesFrom } from './graph-canvas.js';
import { fontStack, inks } from './ink.js';
import {
  CrowdedPoints,
  placeAt,
  type Rectangle,
  type Side,
  sideCost,
  sides,
  TakenPlaces,
} from './label-placement.js';
import type { Layer } from './layer.js';
import { lineText } from './line-text.js';
import { drawAlert, drawCount, drawCross, drawPill, type Pen, pillSize } from './marks.js';
import type { Scene } from './scene.js';

/** Labels drawn at most; those of dots that need attention come first. */
const labelsMax = 400;
/** Below this zoom a large mesh shows names only where a person looks. */
const namesFromZoom = 0.3;
const figuresFromZoom = 1.35;
/** A label stays on its side unless another covers this many points less: no flicker. */
const loyalty = 2.5;
const outsideCost = 40;

interface Shown {
  readonly dot: Dot;
  readonly at: Point;
  readonly radius: number;
}

/** Draws names, replica counts, alerts, denied marks and the figures of lines over the graph. */
export class LabelLayer {
  private taken = new TakenPlaces();
  private crowd = new CrowdedPoints();
  private readonly lastSides = new Map<string, Side>();

  constructor(
    private readonly layer: Layer,
    private readonly canvas: GraphCanvas,
  ) {}

  draw(scene: Scene): void {
    this.layer.clear();
    this.taken = new TakenPlaces();
    this.crowd = new CrowdedPoints();
    const { zoom } = this.canvas.viewport;
    const pen: Pen = { context: this.layer.context, scene, zoom };
    const large = scene.elements.lines.length >= manyLinesFrom;
    const curves = this.curves(scene, large);
    const shown = this.shownDots(scene);
    for (const { at, radius } of shown) {
      this.taken.take({
        left: at.x - radius,
        top: at.y - radius,
        width: 2 * radius,
        height: 2 * radius,
      });
    }
    this.denials(pen, curves);
    this.figures(pen, curves, (line) => line.state === 'failing' || (line.label ?? '') !== '');
    for (const item of shown
      .sort((a, b) => rank(scene, a.dot) - rank(scene, b.dot))
      .slice(0, labelsMax)) {
      drawCount(pen, item.dot, item.at);
      const looked = scene.emphasis.looked.has(item.dot.id);
      if (!large || looked || zoom >= namesFromZoom) this.name(pen, item, looked);
      drawAlert(pen, item.dot, item.at, item.radius);
    }
    const everywhere = scene.lineFigures !== 'looked' || zoom >= figuresFromZoom;
    this.figures(
      pen,
      curves,
      (line) =>
        line.state !== 'failing' &&
        line.label === undefined &&
        (everywhere || scene.emphasis.looked.has(line.id)),
    );
  }

  /** Curves of the lines that matter, in screen pixels; their points crowd the place for labels. */
  private curves(scene: Scene, large: boolean): ReadonlyMap<string, Curve> {
    const curves = new Map<string, Curve>();
    for (const line of scene.elements.lines) {
      if (scene.emphasis.hidden.has(line.id)) continue;
      if (large && line.kind === 'allowed' && !scene.emphasis.looked.has(line.id)) continue;
      const curve = this.canvas.curveOf(line.id);
      if (curve === undefined) continue;
      const onScreen = {
        from: this.onScreen(curve.from),
        control: this.onScreen(curve.control),
        to: this.onScreen(curve.to),
      };
      curves.set(line.id, onScreen);
      if (scene.emphasis.dimmed.has(line.id)) continue;
      const steps = Math.min(
        40,
        Math.ceil(Math.hypot(onScreen.to.x - onScreen.from.x, onScreen.to.y - onScreen.from.y) / 9),
      );
      for (let step = 0; step <= steps; step += 1) {
        const point = pointOn(onScreen, step / Math.max(1, steps));
        this.crowd.add(point.x, point.y);
      }
    }
    return curves;
  }

  private shownDots(scene: Scene): Shown[] {
    const { zoom, width, height } = this.canvas.viewport;
    return scene.elements.dots.flatMap((dot) => {
      const position = this.canvas.positionOf(dot.id);
      if (position === undefined || scene.emphasis.hidden.has(dot.id)) return [];
      const at = this.onScreen(position);
      const near = at.x > -80 && at.y > -40 && at.x < width + 80 && at.y < height + 40;
      return near ? [{ dot, at, radius: (dot.size / 2 + 2) * zoom }] : [];
    });
  }

  /** The name with its note, or without where there is no room for both. */
  private name(pen: Pen, item: Shown, looked: boolean): void {
    const noted = pen.zoom >= (looked ? 0.5 : 0.62) ? noteOf(item.dot) : '';
    if (noted !== '' && this.nameWithNote(pen, item, noted, false)) return;
    const { selected, hovered } = pen.scene.emphasis;
    this.nameWithNote(pen, item, '', item.dot.id === selected || item.dot.id === hovered);
  }

  /** Answers whether there was room; `always` draws without room too. */
  private nameWithNote(pen: Pen, item: Shown, note: string, always: boolean): boolean {
    const { context, scene, zoom } = pen;
    const { dot } = item;
    const ink = inks[scene.theme];
    const size = Math.min(14, Math.max(10.5, 12.5 * zoom));
    const small = size - 1.5;
    const fonts = { name: `600 ${size}px ${fontStack}`, note: `400 ${small}px ${fontStack}` };
    context.font = fonts.name;
    const nameWidth = context.measureText(dot.id).width;
    context.font = fonts.note;
    const width = Math.max(nameWidth, note === '' ? 0 : context.measureText(note).width) + 2;
    const height = size + 1 + (note === '' ? 0 : small + 2);
    const chosen = this.choose(scene, item, { width, height }, always);
    if (chosen === undefined) return false;
    const { side, place } = chosen;
    this.taken.take(place);
    this.lastSides.set(dot.id, side);
    context.globalAlpha = scene.emphasis.dimmed.has(dot.id) ? 0.25 : 1;
    context.textAlign = side === 'right' ? 'left' : side === 'left' ? 'right' : 'center';
    context.textBaseline = 'top';
    const x =
      side === 'right' ? place.left : side === 'left' ? place.left + width : place.left + width / 2;
    write(context, fonts.name, dot.id, { x, y: place.top }, ink.text, ink.halo);
    if (note !== '')
      write(context, fonts.note, note, { x, y: place.top + size + 2 }, ink.muted, ink.halo);
    context.globalAlpha = 1;
    return true;
  }

  /** The free place that covers least, or with `always` the one that covers least of all. */
  private choose(
    scene: Scene,
    { dot, at, radius }: Shown,
    size: { readonly width: number; readonly height: number },
    always: boolean,
  ): { readonly side: Side; readonly place: Rectangle } | undefined {
    const ringed = dot.health !== 'healthy' || dot.alert !== 'ok';
    const gap = ringed ? 2 + 6 * this.canvas.viewport.zoom : 3;
    const last = this.lastSides.get(dot.id);
    const options = sides.map((side) => {
      const place = placeAt(side, { ...at, radius }, size, gap);
      const outside = this.isOutside(scene, place) ? outsideCost : 0;
      const stay = side === last ? -loyalty : 0;
      return { side, place, cost: this.crowd.countIn(place) + sideCost[side] + outside + stay };
    });
    options.sort((a, b) => a.cost - b.cost);
    return (
      options.find(({ place }) => this.taken.isFree(place)) ?? (always ? options[0] : undefined)
    );
  }

  private isOutside(scene: Scene, place: Rectangle): boolean {
    const { width, height } = this.canvas.viewport;
    const { left, right, top, bottom } = scene.insets;
    return (
      place.left < left + 2 ||
      place.left + place.width > width - right - 2 ||
      place.top < top + 2 ||
      place.top + place.height > height - bottom - 2
    );
  }

  private denials(pen: Pen, curves: ReadonlyMap<string, Curve>): void {
    const { scene, zoom, context } = pen;
    for (const line of scene.elements.lines) {
      const curve = curves.get(line.id);
      if (curve === undefined || line.kind !== 'denied') continue;
      context.globalAlpha = scene.emphasis.dimmed.has(line.id) ? 0.3 : 1;
      const at = pointOn(curve, 0.5);
      const radius = drawCross(pen, at);
      this.taken.take({
        left: at.x - radius,
        top: at.y - radius,
        width: 2 * radius,
        height: 2 * radius,
      });
      if (zoom > 0.35 && !scene.emphasis.dimmed.has(line.id)) {
        const text = lineText(line, scene.lineFigures);
        const beside = [
          { x: at.x, y: at.y + radius + 9 },
          { x: at.x, y: at.y - radius - 9 },
          { x: at.x + radius + 44, y: at.y },
          { x: at.x - radius - 44, y: at.y },
        ];
        this.pill(pen, text, beside, dangerColours[scene.theme]);
      }
      context.globalAlpha = 1;
    }
  }

  private figures(
    pen: Pen,
    curves: ReadonlyMap<string, Curve>,
    wanted: (line: Line) => boolean,
  ): void {
    const { scene } = pen;
    const ordered = scene.elements.lines
      .filter((line) => line.kind === 'allowed' && wanted(line))
      .filter((line) => !scene.emphasis.dimmed.has(line.id) || scene.emphasis.looked.has(line.id))
      .sort((a, b) => b.traffic.requestsPerSecond - a.traffic.requestsPerSecond);
    for (const line of ordered) {
      const curve = curves.get(line.id);
      if (curve === undefined) continue;
      const failing = line.state === 'failing';
      const plain = line.label === undefined ? inks[scene.theme].muted : line.colour;
      const colour = failing ? dangerColours[scene.theme] : plain;
      const spots = [0.5, 0.4, 0.6, 0.3, 0.7].map((share) => pointOn(curve, share));
      this.pill(pen, lineText(line, scene.lineFigures), spots, colour);
    }
  }

  /** Draws the text on a plate at the first spot with room; without any, not at all. */
  private pill(pen: Pen, text: string, spots: readonly Point[], colour: string): void {
    const size = pillSize(pen, text);
    for (const at of spots) {
      const place = { left: at.x - size.width / 2, top: at.y - size.height / 2, ...size };
      if (!this.taken.isFree(place)) continue;
      this.taken.take(place);
      drawPill(pen, text, place, colour);
      return;
    }
  }

  private onScreen(point: Point): Point {
    const { zoom, pan } = this.canvas.viewport;
    return { x: point.x * zoom + pan.x, y: point.y * zoom + pan.y };
  }
}

/** Order in which dots get their labels: lower first. */
function rank(scene: Scene, dot: Dot): number {
  return (
    (scene.emphasis.dimmed.has(dot.id) ? 100 : 0) -
    (scene.emphasis.looked.has(dot.id) ? 50 : 0) -
    (dot.alert === 'ok' && dot.health === 'healthy' ? 0 : 20) -
    dot.size / 10
  );
}

function noteOf(dot: Dot): string {
  if (dot.health === 'unknown') return 'not in the catalog';
  const rate = dot.traffic.requestsPerSecond;
  return rate > 0 ? `${dot.team} · ${formatRate(rate)}` : dot.team;
}

/** Text with a halo of the ground's colour, so that it reads over lines. */
function write(
  context: CanvasRenderingContext2D,
  font: string,
  text: string,
  at: Point,
  colour: string,
  halo: string,
): void {
  context.font = font;
  context.lineJoin = 'round';
  context.lineWidth = 4;
  context.strokeStyle = halo;
  context.strokeText(text, at.x, at.y);
  context.fillStyle = colour;
  context.fillText(text, at.x, at.y);
}
