import cytoscape, { type Core, type ElementDefinition, type EventObject } from 'cytoscape';
import type { Point, Positions } from '../layout/layout-wish.js';
import type { Theme } from '../view-model/colour.js';
import type { Emphasis } from '../view-model/emphasis.js';
import type { Dot, GraphElements, Line } from '../view-model/graph-elements.js';
import { graphStyle } from './graph-style.js';

export interface GraphCanvasHandlers {
  readonly onSelect: (id: string | null) => void;
  readonly onHover: (id: string | null, at: Point | null) => void;
  /** A person moved dots. */
  readonly onMoved: (positions: Positions) => void;
  /** A person panned or zoomed: from now on the view is theirs. */
  readonly onViewportTaken: () => void;
  /** The picture was drawn anew: layers above follow. */
  readonly onRender: () => void;
}

/** Pixels at each side of the place that other things cover. */
export interface Insets {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** What a sheet covers above `bottom` for a while: reason to pan, no reason to shrink the picture. */
  readonly sheet: number;
}

/** A line's curve in model pixels: a quadratic Bézier. */
export interface Curve {
  readonly from: Point;
  readonly control: Point;
  readonly to: Point;
}

/** From this many lines on they are drawn plainly, so that panning stays smooth. */
export const manyLinesFrom = 800;

/** Room around the outermost dots for their labels and the products' areas, in model pixels. */
const fitPadding = { x: 94, y: 90 } as const;
const zoomMax = 2.5;
/** A mesh of three dots is not blown up to fill the screen. */
const fitZoomMax = 1.25;

/** The only place that knows cytoscape: keeps its elements equal to the view model, with few redraws. */
export class GraphCanvas {
  private readonly core: Core;
  private readonly drawn = new Map<string, string>();
  private many = false;
  private readonly marked: Record<
    'hidden' | 'dimmed' | 'looked' | 'selected',
    ReadonlySet<string>
  > = {
    hidden: new Set(),
    dimmed: new Set(),
    looked: new Set(),
    selected: new Set(),
  };

  constructor(
    container: HTMLElement,
    private theme: Theme,
    handlers: GraphCanvasHandlers,
  ) {
    this.core = cytoscape({
      container,
      style: graphStyle(theme, false),
      layout: { name: 'preset' },
      minZoom: 0.05,
      maxZoom: zoomMax,
      boxSelectionEnabled: false,
      autounselectify: true,
      textureOnViewport: false,
      hideEdgesOnViewport: false,
    });
    this.listen(handlers);
  }

  /** Adds, changes and removes elements. Dots stay where they are unless `positions` says otherwise. */
  update(elements: GraphElements, positions: Positions): void {
    this.setMany(elements.lines.length >= manyLinesFrom);
    const added: ElementDefinition[] = [];
    this.core.batch(() => {
      const wanted = new Set<string>();
      for (const dot of elements.dots) {
        wanted.add(dot.id);
        if (!this.redraw(dot.id, dotData(dot))) {
          const at = positions[dot.id] ?? { x: 0, y: 0 };
          added.push({ data: { id: dot.id, ...dotData(dot) }, position: { ...at } });
        }
      }
      for (const line of elements.lines) {
        wanted.add(line.id);
        if (!this.redraw(line.id, lineData(line))) {
          added.push({ data: { id: line.id, ...lineData(line) } });
        }
      }
      const gone = [...this.drawn.keys()].filter((id) => !wanted.has(id));
      for (const id of gone) {
        this.core.getElementById(id).remove();
        this.drawn.delete(id);
      }
    });
    if (added.length > 0) this.core.add(added);
  }

  move(positions: Positions): void {
    this.core.batch(() => {
      for (const [id, point] of Object.entries(positions)) {
        this.core.getElementById(id).position({ ...point });
      }
    });
  }

  /** Marks elements; only what differs from before is touched. */
  emphasise(emphasis: Emphasis): void {
    const { selected } = emphasis;
    const wanted = {
      hidden: emphasis.hidden,
      dimmed: emphasis.dimmed,
      // A mark on a line makes cytoscape draw all of them anew: too slow to follow the pointer with.
      looked: this.many ? new Set<string>() : emphasis.looked,
      selected: new Set(selected === null ? [] : [selected]),
    };
    this.core.batch(() => {
      for (const name of ['hidden', 'dimmed', 'looked', 'selected'] as const) {
        const before = this.marked[name];
        for (const id of before) {
          if (!wanted[name].has(id)) this.core.getElementById(id).removeClass(name);
        }
        for (const id of wanted[name]) this.core.getElementById(id).addClass(name);
        this.marked[name] = wanted[name];
      }
    });
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.core.style(graphStyle(theme, this.many));
  }

  /** Shows everything that is not hidden in the free part of the place. */
  fit(insets: Insets): void {
    // Asked for a moment ago, while the page still showed the graph.
    if (this.core.destroyed()) return;
    const shown = this.core.nodes().not('.hidden');
    const width = this.core.width() - insets.left - insets.right;
    const height = this.core.height() - insets.top - insets.bottom;
    if (shown.empty() || width <= 0 || height <= 0) return;
    const box = shown.boundingBox({ includeLabels: false, includeOverlays: false });
    const zoom = Math.min(
      fitZoomMax,
      width / (box.w + 2 * fitPadding.x),
      height / (box.h + 2 * fitPadding.y),
    );
    const pan = {
      x: insets.left + width / 2 - ((box.x1 + box.x2) / 2) * zoom,
      y: insets.top + height / 2 - ((box.y1 + box.y2) / 2) * zoom,
    };
    this.core.viewport({ zoom, pan });
  }

  zoomBy(factor: number): void {
    const level = this.core.zoom() * factor;
    this.core.zoom({
      level,
      renderedPosition: { x: this.core.width() / 2, y: this.core.height() / 2 },
    });
  }

  /** Pans just so far that the element is inside the free part of the place. */
  reveal(id: string, insets: Insets, animate: boolean): void {
    if (this.core.destroyed()) return;
    const element = this.core.getElementById(id);
    if (element.empty()) return;
    const box = element.renderedBoundingBox({ includeLabels: false, includeOverlays: false });
    const margin = 40;
    const { width, height } = this.viewport;
    const x = shift(box.x1, box.x2, insets.left + margin, width - insets.right - margin);
    const y = shift(
      box.y1,
      box.y2,
      insets.top + margin,
      height - insets.bottom - insets.sheet - margin,
    );
    if (x === 0 && y === 0) return;
    if (animate) this.core.animate({ panBy: { x, y } }, { duration: 220 });
    else this.core.panBy({ x, y });
  }

  resize(): void {
    this.core.resize();
  }

  get viewport(): {
    readonly zoom: number;
    readonly pan: Point;
    readonly width: number;
    readonly height: number;
  } {
    return {
      zoom: this.core.zoom(),
      pan: this.core.pan(),
      width: this.core.width(),
      height: this.core.height(),
    };
  }

  positionOf(id: string): Point | undefined {
    const element = this.core.getElementById(id);
    return element.empty() ? undefined : element.position();
  }

  /** `undefined` while the line is not drawn. */
  curveOf(id: string): Curve | undefined {
    const element = this.core.getElementById(id);
    if (element.empty() || !element.isEdge() || !element.visible()) return undefined;
    const from = element.sourceEndpoint();
    const to = element.targetEndpoint();
    if (!Number.isFinite(from?.x) || !Number.isFinite(to?.x)) return undefined;
    const straight = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
    return { from, to, control: element.controlPoints()?.[0] ?? straight };
  }

  destroy(): void {
    this.core.destroy();
  }

  /** Updates a drawn element when its data changed; answers whether it was drawn before. */
  private redraw(id: string, data: Record<string, string | number>): boolean {
    const key = Object.values(data).join(' ');
    const before = this.drawn.get(id);
    if (before === key) return true;
    this.drawn.set(id, key);
    if (before !== undefined) this.core.getElementById(id).data(data);
    return before !== undefined;
  }

  private setMany(many: boolean): void {
    if (many === this.many) return;
    this.many = many;
    this.core.style(graphStyle(this.theme, many));
  }

  private listen(handlers: GraphCanvasHandlers): void {
    const point = (event: EventObject) => event.renderedPosition;
    this.core.on('tap', (event) => {
      handlers.onSelect(event.target === this.core ? null : event.target.id());
    });
    this.core.on('mouseover mousemove', 'node, edge', (event) => {
      handlers.onHover(event.target.id(), point(event));
    });
    this.core.on('mouseout', 'node, edge', () => handlers.onHover(null, null));
    this.core.on('dragfree', 'node', (event) => {
      handlers.onMoved({ [event.target.id()]: { ...event.target.position() } });
    });
    this.core.on('dragpan scrollzoom pinchzoom', handlers.onViewportTaken);
    this.core.on('render', handlers.onRender);
  }
}

function dotData(dot: Dot): Record<string, string | number> {
  return { size: dot.size, colour: dot.colour, health: dot.health, alert: dot.alert };
}

function lineData(line: Line): Record<string, string | number> {
  return {
    source: line.caller,
    target: line.callee,
    width: line.width,
    colour: line.colour,
    state: line.state,
  };
}

/** How far [low, high] must move to lie within [from, to]; its middle when it does not fit. */
function shift(low: number, high: number, from: number, to: number): number {
  if (high - low > to - from) return (from + to) / 2 - (low + high) / 2;
  return low < from ? from - low : high > to ? to - high : 0;
}
