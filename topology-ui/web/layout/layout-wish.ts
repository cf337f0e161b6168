/** What a layout is made from and what it answers: plain data, sent to the worker as it is. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface LayoutNode {
  readonly id: string;
  readonly product: string;
  readonly team: string;
}

export interface LayoutLink {
  readonly from: string;
  readonly to: string;
}

export interface LayoutWish {
  readonly nodes: readonly LayoutNode[];
  readonly links: readonly LayoutLink[];
  /** Width divided by height of the place to fill. */
  readonly aspect: number;
}

/** Centres of dots in model pixels, by id. */
export type Positions = Readonly<Record<string, Point>>;

/** Room for one dot with its label: no two dots come closer by layout. */
export const cell = { width: 164, height: 112 } as const;
