/** Someone with the app. */
export interface Person {
  readonly name: string;
  /** E.164. */
  readonly phone: string;
  /** Kept by the phone, never typed. */
  readonly secret: string;
  /** Not registered yet, as far as this run of the app knows. */
  isNew: boolean;
}

/** Friends who have a group; they write to each other and to nobody else. */
export interface Circle {
  readonly groupName: string;
  readonly people: readonly Person[];
}

const PEOPLE = 3;

/** The circle of a number. */
export function circle(number: number): Circle {
  const first = (number - 1) * PEOPLE + 1;
  return {
    groupName: `Circle ${number}`,
    people: Array.from({ length: PEOPLE }, (_, index) => person(first + index)),
  };
}

function person(number: number): Person {
  return {
    name: `Person ${number}`,
    phone: `+31971${String(number).padStart(7, '0')}`,
    secret: `kept in the phone of person ${number}`,
    isNew: true,
  };
}
