import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { LayoutClient } from '../layout/layout-client.js';
import type { LayoutWish, Point, Positions } from '../layout/layout-wish.js';
import { placeNewDots } from '../layout/place-new-dots.js';
import { type KeyValueStore, RememberedPositions } from '../layout/remembered-positions.js';
import type { Store } from '../live/store.js';
import { type Emphasis, emphasise } from '../view-model/emphasis.js';
import type { GraphElements } from '../view-model/graph-elements.js';
import type { Selection } from '../view-model/route.js';
import { GraphCanvas, type Insets } from './graph-canvas.js';
import { LabelLayer } from './label-layer.js';
import { Layer } from './layer.js';
import { MotionLayer } from './motion-layer.js';
import { drawRegions } from './region-layer.js';
import type { Scene } from './scene.js';

export interface StageParts {
  readonly host: HTMLElement;
  readonly store: Store;
  readonly layout: LayoutClient;
  readonly storage: KeyValueStore | null;
  /** Whose positions are remembered; by default those of the store's mesh. */
  readonly meshName?: string;
  /** What covers the graph at its sides now. */
  readonly insets: () => Insets;
}

/** The screen's view of the model, for what is placed over the graph. */
export interface Viewport {
  readonly zoom: number;
  readonly pan: Point;
}

/** Sets the graph up in a page element and keeps it equal to the store until it is closed. */
export class GraphStage {
  readonly positions: Signal<Positions> = signal({});
  readonly viewport: Signal<Viewport> = signal({ zoom: 1, pan: { x: 0, y: 0 } });
  readonly pointer: Signal<{ readonly id: string; readonly at: Point } | null> = signal(null);
  /** True while a whole layout is worked out. */
  readonly arranging = signal(false);

  private readonly canvas: GraphCanvas;
  private readonly regions: Layer;
  private readonly labelCanvas: Layer;
  private readonly motionCanvas: Layer;
  private readonly labels: LabelLayer;
  private readonly motion: MotionLayer;
  private readonly emphasis: ReadonlySignal<Emphasis | null>;
  private readonly closers: (() => void)[] = [];
  private memory: RememberedPositions | null = null;
  /** True once a person panned or zoomed: the view then no longer refits by itself. */
  private viewportTaken = false;

  constructor(private readonly parts: StageParts) {
    const { host, store } = parts;
    this.regions = new Layer(host, 'layer');
    const place = document.createElement('div');
    place.className = 'graph-place';
    host.append(place);
    this.motionCanvas = new Layer(host, 'layer');
    this.labelCanvas = new Layer(host, 'layer');
    this.canvas = new GraphCanvas(place, store.theme.peek(), {
      onSelect: (id) => this.select(id),
      onHover: (id, at) => this.hover(id, at),
      onMoved: (moved) => this.takeOver(moved),
      onViewportTaken: () => {
        this.viewportTaken = true;
      },
      onRender: () => this.drawLayers(),
    });
    this.labels = new LabelLayer(this.labelCanvas, this.canvas);
    this.motion = new MotionLayer(this.motionCanvas, this.canvas);
    this.emphasis = computed(() => {
      const { value: elements } = store.elements;
      const { selection, team, product } = store.route.value;
      return elements === null
        ? null
        : emphasise(elements, {
            selection,
            team,
            product,
            matches: store.matches.value,
            hovered: store.hovered.value,
          });
    });
    this.follow();
  }

  /** Works out a new layout and forgets the old one. */
  rearrange(): void {
    const elements = this.parts.store.elements.peek();
    if (elements !== null) void this.arrange(elements);
  }

  fit(): void {
    this.viewportTaken = false;
    this.canvas.fit(this.parts.insets());
  }

  zoomBy(factor: number): void {
    this.viewportTaken = true;
    this.canvas.zoomBy(factor);
  }

  select(id: string | null): void {
    const { store } = this.parts;
    const selection = id === null ? null : this.selectionOf(id);
    // The panel says it all, and what was under the pointer moves away from it.
    this.hover(null, null);
    store.navigate({ selection });
  }

  close(): void {
    this.closed = true;
    for (const close of this.closers) close();
    this.motion.stop();
    this.parts.layout.close();
    this.canvas.destroy();
    this.parts.host.replaceChildren();
  }

  private follow(): void {
    const { store, host } = this.parts;
    const onResize = new ResizeObserver(() => {
      this.canvas.resize();
      if (!this.viewportTaken) this.canvas.fit(this.parts.insets());
    });
    onResize.observe(host);
    this.closers.push(
      () => onResize.disconnect(),
      effect(() => this.canvas.setTheme(store.theme.value)),
      effect(() => {
        const { value: elements } = store.elements;
        if (elements !== null) this.draw(elements);
      }),
      effect(() => {
        const { value: emphasis } = this.emphasis;
        if (emphasis !== null) this.canvas.emphasise(emphasis);
        void store.lineFigures.value;
        this.drawLayers();
      }),
      effect(() => {
        void store.route.value.product;
        if (!this.viewportTaken) queueMicrotask(() => this.canvas.fit(this.parts.insets()));
      }),
      effect(() => {
        const { value: emphasis } = this.emphasis;
        const selected = emphasis?.selected ?? null;
        if (selected !== null && selected !== this.revealed) {
          const animate = !store.reducedMotion.peek();
          requestAnimationFrame(() => this.canvas.reveal(selected, this.parts.insets(), animate));
        }
        this.revealed = selected;
      }),
      effect(() => {
        const wanted =
          store.motion.value &&
          !store.reducedMotion.value &&
          store.present.value &&
          store.connection.value.state === 'live' &&
          ['graph', 'list'].includes(store.route.value.view);
        if (wanted) this.motion.start();
        else this.motion.stop();
      }),
    );
  }

  private revealed: string | null = null;
  private closed = false;

  private draw(elements: GraphElements): void {
    if (this.arranging.peek()) return;
    const wish = wishOf(elements, this.aspect());
    const known = this.positions.peek();
    const missing = wish.nodes.filter((node) => known[node.id] === undefined);
    if (missing.length === 0) {
      this.canvas.update(elements, known);
    } else if (Object.keys(known).length > 0) {
      this.place(elements, placeNewDots(wish, known));
    } else {
      const remembered = this.remembered().read();
      const covered = wish.nodes.filter((node) => remembered[node.id] !== undefined);
      if (covered.length * 2 < wish.nodes.length || wish.nodes.length === 0) {
        void this.arrange(elements);
      } else {
        this.place(elements, placeNewDots(wish, remembered));
        this.fit();
      }
    }
    this.drawLayers();
  }

  private async arrange(elements: GraphElements): Promise<void> {
    if (elements.dots.length === 0) return;
    this.arranging.value = true;
    const positions = await this.parts.layout.arrange(wishOf(elements, this.aspect()));
    if (positions === null || this.closed) return;
    this.arranging.value = false;
    const latest = this.parts.store.elements.peek() ?? elements;
    this.place(latest, placeNewDots(wishOf(latest, this.aspect()), positions));
    this.canvas.move(this.positions.peek());
    this.fit();
  }

  private place(elements: GraphElements, positions: Positions): void {
    this.takeOver(positions);
    this.canvas.update(elements, this.positions.peek());
    const emphasis = this.emphasis.peek();
    if (emphasis !== null) this.canvas.emphasise(emphasis);
  }

  private takeOver(positions: Positions): void {
    this.positions.value = { ...this.positions.peek(), ...positions };
    this.remembered().write(this.positions.peek());
  }

  private remembered(): RememberedPositions {
    this.memory ??= new RememberedPositions(
      this.parts.storage,
      this.parts.meshName ?? this.parts.store.graph.peek()?.mesh ?? '',
      this.aspect() >= 1 ? 'wide' : 'tall',
    );
    return this.memory;
  }

  private hover(id: string | null, at: Point | null): void {
    this.pointer.value = id === null || at === null ? null : { id, at };
    this.parts.store.hovered.value = id;
    this.parts.host.dataset.pointing = id === null ? '' : 'something';
  }

  private selectionOf(id: string): Selection | null {
    const elements = this.parts.store.elements.peek();
    const line = elements?.lines.find((candidate) => candidate.id === id);
    if (line !== undefined) {
      const kind = line.kind === 'denied' ? 'denial' : 'edge';
      return { kind, caller: line.caller, callee: line.callee };
    }
    const dot = elements?.dots.find((candidate) => candidate.id === id);
    return dot === undefined || dot.health === 'unknown' ? null : { kind: 'service', name: id };
  }

  private drawLayers(): void {
    const { store } = this.parts;
    const elements = store.elements.peek();
    const emphasis = this.emphasis?.peek() ?? null;
    if (elements === null || emphasis === null) return;
    const { width, height, zoom, pan } = this.canvas.viewport;
    for (const layer of [this.regions, this.labelCanvas, this.motionCanvas]) {
      layer.resize(width, height, layer === this.motionCanvas ? 1 : window.devicePixelRatio);
    }
    const scene: Scene = {
      elements,
      emphasis,
      insets: this.parts.insets(),
      theme: store.theme.peek(),
      lineFigures: store.lineFigures.peek(),
    };
    drawRegions(this.regions, this.canvas, scene);
    this.labels.draw(scene);
    this.motion.follow(scene);
    const before = this.viewport.peek();
    if (before.zoom !== zoom || before.pan.x !== pan.x || before.pan.y !== pan.y) {
      this.viewport.value = { zoom, pan: { ...pan } };
      this.pointer.value = null;
    }
  }

  /** Proportions of the place without a panel, which comes and goes. */
  private aspect(): number {
    const { clientWidth: width, clientHeight: height } = this.parts.host;
    const free = (width - this.parts.insets().left) / Math.max(1, height);
    return Math.min(2.4, Math.max(0.45, free));
  }
}

function wishOf(elements: GraphElements, aspect: number): LayoutWish {
  return {
    nodes: elements.dots.map(({ id, product, team }) => ({ id, product, team })),
    links: elements.lines.map(({ caller, callee }) => ({ from: caller, to: callee })),
    aspect,
  };
}
