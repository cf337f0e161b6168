/** Travellers who are not on a journey; one travels once at a time. */
export class Crowd<Traveller> {
  readonly #idle: Traveller[];

  /** @param make the traveller of a number, 1 to `count` */
  constructor(count: number, make: (number: number) => Traveller) {
    this.#idle = Array.from({ length: count }, (_, index) => make(index + 1));
  }

  /** Who has rested longest, or undefined when all are travelling. */
  depart(): Traveller | undefined {
    return this.#idle.shift();
  }

  arrive(returned: Traveller): void {
    this.#idle.push(returned);
  }
}
