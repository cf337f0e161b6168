import { InvalidArgumentError } from 'commander';
import { parseDuration } from './duration.js';

/** Reads a duration of the command line. @returns milliseconds @throws InvalidArgumentError */
export function durationMs(text: string): number {
  const duration = parseDuration(text);
  if (duration === undefined)
    throw new InvalidArgumentError('a duration is a number with a unit, such as 30s or 2m');
  return duration;
}

/** A reader of whole numbers of the command line. @param what such as `a number of days` */
export function wholeNumber(what: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`${what} is from ${least} to ${most}`);
    return value;
  };
}
