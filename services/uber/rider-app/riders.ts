/** Someone with the app. */
export interface Rider {
  readonly name: string;
  readonly email: string;
  readonly phone: string;
  readonly password: string;
  /** Not registered yet, as far as this run of the app knows. */
  isNew: boolean;
}

/** The rider of a number. */
export function rider(number: number): Rider {
  return {
    name: `Rider ${number}`,
    email: `rider-${number}@riders.example`,
    phone: `+31970${String(number).padStart(7, '0')}`,
    password: `a long way home ${number}`,
    isNew: true,
  };
}
