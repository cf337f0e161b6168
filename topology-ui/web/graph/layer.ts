/** A canvas over (or under) the graph that is exactly as large as its parent and lets clicks through. */
export class Layer {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  width = 0;
  height = 0;

  constructor(parent: HTMLElement, className: string) {
    this.canvas = document.createElement('canvas');
    this.canvas.className = className;
    this.canvas.setAttribute('aria-hidden', 'true');
    const context = this.canvas.getContext('2d');
    if (context === null) throw new Error('This browser draws no canvas');
    this.context = context;
    parent.append(this.canvas);
  }

  /** Follows the parent's size and the screen's density. */
  resize(width: number, height: number, density: number): void {
    if (width === this.width && height === this.height && this.density === density) return;
    this.density = density;
    this.width = width;
    this.height = height;
    this.canvas.width = Math.round(width * density);
    this.canvas.height = Math.round(height * density);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
  }

  clear(): void {
    this.context.setTransform(this.density, 0, 0, this.density, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
  }

  remove(): void {
    this.canvas.remove();
  }

  private density = 1;
}
