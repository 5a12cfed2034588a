import { OckhamError } from "../error.ts";
import type { Tensor } from "../tensor/index.ts";

/** A numeric option as `create` gets it: a number, or a symbol when it is swept or learned. */
export type Scalar = number | Tensor;

type OptionValue = number | string | boolean;

/** One option of a member: all that the command line, the tuner, the documentation and the tests need to know. */
export interface Option<T extends OptionValue = OptionValue, Traced extends boolean = boolean> {
  readonly default: T;
  readonly doc: string;
  /** Values worth trying, for tuning. */
  readonly grid: readonly T[];
  /** What values are allowed, in words: "a number above 0". */
  readonly range: string;
  /** Whether the value may be a tensor, so that one graph serves every value. */
  readonly traced: Traced;
  valid(value: T): boolean;
  /** The value a text stands for, or undefined. */
  parse(text: string): T | undefined;
}

export type Options = Readonly<Record<string, Option>>;

/** What `create` receives: traced numbers as `Scalar`, all else as it is. */
export type Values<O extends Options> = {
  readonly [K in keyof O]: O[K] extends Option<infer T, infer Traced>
    ? Traced extends true
      ? Scalar
      : T
    : never;
};

const parseNumber = (text: string): number | undefined => {
  const value = Number(text);
  return text.trim() === "" || Number.isNaN(value) ? undefined : value;
};

function real(
  initial: number,
  doc: string,
  range: string,
  inside: (value: number) => boolean,
  grid: readonly number[],
): Option<number, true> {
  const valid = (value: number) => Number.isFinite(value) && inside(value);
  return { default: initial, doc, range, valid, grid: grid.filter(valid), traced: true, parse: parseNumber };
}

/** Multiples of the default over two orders of magnitude. */
const around = (value: number): number[] =>
  [0.1, 0.3, 1, 3, 10].map((factor) => Number((factor * value).toPrecision(12)));

/** A number above 0. */
export const positive = (initial: number, doc: string, grid = around(initial)): Option<number, true> =>
  real(initial, doc, "a number above 0", (v) => v > 0, grid);

/** A number of at least 0. */
export const nonNegative = (initial: number, doc: string, grid = around(initial)): Option<number, true> =>
  real(initial, doc, "a number of at least 0", (v) => v >= 0, grid);

/** A number above a bound. */
export const above = (
  bound: number,
  initial: number,
  doc: string,
  grid = around(initial),
): Option<number, true> => real(initial, doc, `a number above ${bound}`, (v) => v > bound, grid);

/** A share: from 0 to just below 1. */
export const share = (
  initial: number,
  doc: string,
  grid: readonly number[] = [0.05, 0.1, 0.2, 0.3, 0.5],
): Option<number, true> => real(initial, doc, "a number from 0 to below 1", (v) => v >= 0 && v < 1, grid);

/** A whole number of at least `least`, which shapes the graph and so is never a tensor. */
export function whole(
  least: number,
  initial: number,
  doc: string,
  grid?: readonly number[],
): Option<number, false> {
  const valid = (v: number) => Number.isSafeInteger(v) && v >= least;
  const tried = grid ?? [Math.floor(initial / 2), initial, initial * 2];
  return {
    default: initial,
    doc,
    range: `a whole number of at least ${least}`,
    valid,
    grid: [...new Set(tried)].filter(valid),
    traced: false,
    parse: parseNumber,
  };
}

/** An option as a plain number, because it decides what happens on the host. */
export const plainNumber = (option: Option<number>): Option<number, false> => ({ ...option, traced: false });

/** Yes or no. */
export const flag = (initial: boolean, doc: string): Option<boolean, false> => ({
  default: initial,
  doc,
  range: "true or false",
  grid: [true, false],
  traced: false,
  valid: (v) => typeof v === "boolean",
  parse: (text) => (text === "true" ? true : text === "false" ? false : undefined),
});

/** One of a few words. */
export const oneOf = <const T extends string>(
  words: readonly T[],
  initial: NoInfer<T>,
  doc: string,
): Option<T, false> => ({
  default: initial,
  doc,
  range: words.map((w) => `"${w}"`).join(" or "),
  grid: words,
  traced: false,
  valid: (v) => words.includes(v),
  parse: (text) => words.find((w) => w === text),
});

/** A free text, such as the name of a layer. */
export const text = (initial: string, doc: string): Option<string, false> => ({
  default: initial,
  doc,
  range: "a text",
  grid: [initial],
  traced: false,
  valid: (v) => typeof v === "string",
  parse: (t) => t,
});

/**
 * The options' names, used with one meaning in every member, so that they can be swept across members.
 * A member may use other names where none of these fits.
 */
export const glossary: Readonly<Record<string, string>> = {
  strength: "how much of the regularizer: the factor on a penalty, or the size of a perturbation of data",
  radius: "how far the weights are moved before the gradient is taken",
  rate: "a learning rate, or a factor on it",
  momentum: "share of the past kept in a running mean",
  rank: "rank of a factorization",
  margin: "distance asked for",
  temperature: "divisor of the logits",
  steps: "how many inner steps",
  epochs: "how many epochs",
  threshold: "bound beyond which something is done",
  probability: "chance that something is done",
  size: "side or count of something, in pixels or entries",
  groups: "how many groups",
  layer: "name of an activation",
};

/** Defaults filled in, values checked. Throws `bad-option` or `unknown-name` naming the member and the option. */
export function complete(
  id: string,
  options: Options,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  for (const name of Object.keys(given))
    if (!(name in options))
      throw new OckhamError(
        "unknown-name",
        `${id}.${name}`,
        `${id} has no option "${name}"`,
        Object.keys(options).length > 0 ? `it has ${Object.keys(options).join(", ")}` : "it has no options",
      );
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => {
      const value = given[name] ?? option.default;
      const symbol = typeof value === "object" && option.traced;
      if (!symbol && !(typeof value === typeof option.default && option.valid(value as OptionValue)))
        throw new OckhamError(
          "bad-option",
          `${id}.${name}`,
          `${id}.${name} is ${JSON.stringify(value)}, but must be ${option.range}`,
          `its default is ${option.default}: ${option.doc}`,
        );
      return [name, value];
    }),
  );
}
