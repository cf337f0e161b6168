/** Someone with the app. */
export interface Rider {
  readonly name: string;
  readonly email: string;
  readonly phone: string;
  readonly password: string;
  /** Not registered yet, as far as this run of the app knows. */
  isNew: boolean;
}

/** Riders who are not on a journey; one travels once at a time. */
export class Riders {
  readonly #idle: Rider[];

  constructor(count: number) {
    this.#idle = Array.from({ length: count }, (_, index) => rider(index + 1));
  }

  /** The rider who has rested longest, or undefined when all are travelling. */
  depart(): Rider | undefined {
    return this.#idle.shift();
  }

  arrive(returned: Rider): void {
    this.#idle.push(returned);
  }
}

function rider(number: number): Rider {
  return {
    name: `Rider ${number}`,
    email: `rider-${number}@riders.example`,
    phone: `+31970${String(number).padStart(7, '0')}`,
    password: `a long way home ${number}`,
    isNew: true,
  };
}
