import { lengthOf, pointOn } from './curves.js';
import { type Curve, type GraphCanvas, manyLinesFrom } from './graph-canvas.js';
import type { Layer } from './layer.js';
import type { Scene } from './scene.js';

/** Frames per second: enough to see a direction, cheap enough to leave a page open all day. */
const framesPerSecond = 15;
const speedPxPerSecond = 70;
const movingLinesMax = 120;
const beadsPerLineMax = 5;
/** A frame that takes longer than this on average stops the motion: the machine has better to do. */
const frameMsMax = 12;

interface Stream {
  readonly curve: Curve;
  readonly colour: string;
  readonly radius: number;
  readonly beads: number;
  /** Seconds for the whole way. */
  readonly period: number;
  readonly phase: number;
  /** Denied attempts stop at the mark in the middle. */
  readonly until: number;
}

/** Lets small beads run along the lines that carry traffic, from caller to callee. */
export class MotionLayer {
  private streams: readonly Stream[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private frame = 0;
  private averageMs = 0;
  private running = false;

  constructor(
    private readonly layer: Layer,
    private readonly canvas: GraphCanvas,
  ) {}

  /** Takes over new figures, positions or emphasis. With many lines only those move that a person looks at. */
  follow(scene: Scene): void {
    const many = scene.elements.lines.length >= manyLinesFrom;
    const moving = scene.elements.lines
      .filter((line) => line.state !== 'idle' && (!many || scene.emphasis.looked.has(line.id)))
      .filter((line) => !scene.emphasis.hidden.has(line.id) && !scene.emphasis.dimmed.has(line.id))
      .sort((a, b) => b.width - a.width)
      .slice(0, movingLinesMax);
    this.streams = moving.flatMap((line): Stream[] => {
      const curve = this.canvas.curveOf(line.id);
      if (curve === undefined) return [];
      const period = Math.max(0.6, lengthOf(curve) / speedPxPerSecond);
      const rate = line.traffic.requestsPerSecond;
      const denied = line.kind === 'denied';
      return [
        {
          curve,
          colour: line.colour,
          radius: 1.4 + line.width * 0.42,
          beads: denied ? 1 : Math.min(beadsPerLineMax, 1 + Math.floor(Math.log10(1 + rate) * 1.4)),
          period: denied ? period * 1.4 : period,
          phase: phaseOf(line.id),
          until: denied ? 0.46 : 1,
        },
      ];
    });
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    this.averageMs = 0;
    this.tick();
  }

  stop(): void {
    this.running = false;
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
    this.layer.clear();
  }

  private tick(): void {
    this.timer = setTimeout(() => {
      this.frame = requestAnimationFrame((now) => {
        if (!this.running) return;
        const before = performance.now();
        this.draw(now / 1000);
        this.averageMs += (performance.now() - before - this.averageMs) * 0.05;
        if (this.averageMs > frameMsMax) this.stop();
        else this.tick();
      });
    }, 1000 / framesPerSecond);
  }

  private draw(seconds: number): void {
    this.layer.clear();
    const { context } = this.layer;
    const { zoom, pan } = this.canvas.viewport;
    for (const stream of this.streams) {
      context.fillStyle = stream.colour;
      context.beginPath();
      for (let bead = 0; bead < stream.beads; bead += 1) {
        const way = seconds / stream.period + stream.phase + bead / stream.beads;
        const at = pointOn(stream.curve, (way % 1) * stream.until);
        const x = at.x * zoom + pan.x;
        const y = at.y * zoom + pan.y;
        const radius = Math.max(1.5, stream.radius * zoom);
        context.moveTo(x + radius, y);
        context.arc(x, y, radius, 0, 2 * Math.PI);
      }
      context.fill();
    }
  }
}

/** Lines begin at different moments, the same ones each time. */
function phaseOf(id: string): number {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + character.charCodeAt(0)) % 997;
  return sum / 997;
}
