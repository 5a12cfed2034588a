import { type Stream, stream } from "../array/random.ts";
import { OckhamError } from "../error.ts";

/** A problem of n rows in two or more made-up columns. */
export interface ToyOptions {
  /** Rows; default 500. */
  readonly n?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Standard deviation of the normal noise added to each input (to the target, for regression). */
  readonly noise?: number;
}

/** The random stream of a problem by its name; throws `bad-option` for fewer than ten rows and impossible noise. */
export function start(name: string, n: number, noise: number, seed: number): Stream {
  whole("n", n, 10);
  if (!(noise >= 0 && noise < Infinity)) throw bad("noise", noise, "a number of at least 0");
  return stream(seed).split(name);
}

/** Throws `bad-option` unless it is a whole number in this range. */
export function whole(option: string, value: number, least: number, most = 1e7): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw bad(option, value, `a whole number from ${least} to ${most}`);
}

const bad = (option: string, value: number, range: string) =>
  new OckhamError("bad-option", option, `${option} cannot be ${value}`, `give ${range}`);
