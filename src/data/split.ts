import { type Stream, stream } from "../array/random.ts";
import { OckhamError } from "../error.ts";
import { allotGroups, type Sizes } from "./groups.ts";
import type { Source, Split } from "./source.ts";

export type { Split } from "./source.ts";

export interface SplitOptions {
  /** Below 1 a share of the rows, from 1 on a count. */
  readonly train?: number;
  readonly validation?: number;
  readonly test?: number;
  /** Default: "given" where the source has parts, else "time" where it knows the time, "group" where groups, "random". */
  readonly by?: "random" | "group" | "time" | "given";
}

const parts = ["train", "validation", "test"] as const;
const usual: Sizes = [0.6, 0.2, 0.2];

/**
 * Parts the rows of a source into training, validation and test; the same seed gives the same parts.
 *
 * Parts that are not asked for share what the others leave, in the ratio 60 : 20 : 20; rows left over are in no
 * part. Random: stratified for classification, each class in proportion and, where it has enough rows, in every
 * part. Group: no group in two parts. Time: training before validation before test, rows of the same time
 * together; where fewer rows are asked for than there are, the latest are used. A source with test rows of its
 * own keeps them as test; sizes then mean the other rows, but `test` a selection of the test rows. A source with parts of
 * its own keeps these.
 *
 * Throws `bad-option` for sizes that do not fit, `bad-data` where the rows cannot be parted as asked,
 * `conflict` where the source has no groups or no time, or its own test rows share groups with the others.
 */
export function split(source: Source, seed: number, options: SplitOptions = {}): Split {
  const by = splitBy(source, options);
  if (by === "given") return givenParts(source, options);
  const random = stream(seed).split("split");
  const own = new Set(source.test ?? []);
  const pool = Int32Array.from({ length: source.size }, (_, row) => row).filter((row) => !own.has(row));
  const given = source.test === undefined ? options : { ...options, test: 0 };
  const sizes = partSizes(pool.length, given);
  const chosen = { random: byRandom, group: byGroup, time: byTime }[by](source, pool, sizes, random);
  const result =
    source.test === undefined ? chosen : { ...chosen, test: ownTest(source, options.test, random) };
  check(source, result, by);
  return result;
}

/** How a source is split. */
export function splitBy(
  { parts, time, groups }: Source,
  { by }: SplitOptions,
): NonNullable<SplitOptions["by"]> {
  return by ?? (parts ? "given" : time ? "time" : groups ? "group" : "random");
}

/** The sizes of the parts. Throws as `split` does for sizes that do not fit. */
export function splitSizes(source: Source, options: SplitOptions): Sizes {
  if (splitBy(source, options) === "given") {
    const { train, validation, test } = givenParts(source, options);
    return [train.length, validation.length, test.length];
  }
  const own = source.test?.length;
  const [train, validation, test] = partSizes(
    source.size - (own ?? 0),
    own === undefined ? options : { ...options, test: 0 },
  );
  return [train, validation, own ?? test];
}

function givenParts(source: Source, options: SplitOptions): Split {
  const asked = parts.find((part) => options[part] !== undefined);
  if (source.parts !== undefined && asked === undefined) return source.parts;
  if (asked === undefined)
    throw new OckhamError(
      "conflict",
      source.name,
      `${source.name} has no parts of its own`,
      "split at random",
    );
  throw badSize(asked, `${source.name} says itself which rows are for ${asked}`, "leave the size out");
}

/** Sizes in rows from shares and counts; what is not given shares what is left as 60 : 20 : 20. */
export function partSizes(rows: number, options: SplitOptions): Sizes {
  const asked = parts.map((part) => {
    const size = options[part];
    if (size === undefined) return undefined;
    if (!(size >= 0) || (size >= 1 && !Number.isInteger(size)))
      throw badSize(part, `${part} cannot be ${size}`, "give a share below 1, or a whole number of rows");
    return size < 1 ? Math.round(size * rows) : size;
  });
  const taken = asked.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  // Shares such as 0.35 + 0.35 + 0.3 of 10 are all rounded up: the one that gained most gives a row back.
  const gain = asked.map((size, i) => ((options[parts[i]] ?? 1) < 1 ? size! - options[parts[i]]! * rows : 0));
  if (taken > rows && Math.max(...gain) > 0 && taken - rows === 1)
    asked[gain.lastIndexOf(Math.max(...gain))]! -= 1;
  else if (taken > rows)
    throw badSize(
      "split",
      `the parts take ${taken} rows of ${rows}`,
      "ask for fewer rows, or leave a part out",
    );
  const left = Math.max(0, rows - taken);
  const weight = usual.reduce((sum, share, i) => sum + (asked[i] === undefined ? share : 0), 0);
  const sizes = asked.map((size, i) => size ?? Math.floor((left * usual[i]) / weight + 1e-9));
  const spare =
    weight > 0 ? left - sizes.reduce((sum, size, i) => sum + (asked[i] === undefined ? size : 0), 0) : 0;
  if (spare > 0) sizes[asked.indexOf(undefined)] += spare;
  if (sizes[0] === 0)
    throw badSize("train", "no rows are left for training", "ask for fewer validation or test rows");
  return [sizes[0], sizes[1], sizes[2]];
}

function byRandom(source: Source, pool: Int32Array, sizes: Sizes, random: Stream): Split {
  const counts = byClass(source, pool).map((rows) => random.shuffled(rows));
  const [train, test, validation] = allot(
    counts.map((rows) => rows.length),
    [sizes[0], sizes[2], sizes[1]],
  );
  const cut = (from: (c: number) => number, count: readonly number[]) =>
    Int32Array.from(counts.flatMap((rows, c) => rows.slice(from(c), from(c) + count[c]))).sort();
  return {
    train: cut(() => 0, train),
    test: cut((c) => train[c], test),
    validation: cut((c) => train[c] + test[c], validation),
  };
}

/** The rows of each class; all rows as one class for regression. */
function byClass(source: Source, rows: Int32Array): number[][] {
  const { labels } = source;
  if (labels === undefined) return [[...rows]];
  const lists: number[][] = source.classes.map(() => []);
  for (const row of rows) lists[labels[row]].push(row);
  return lists;
}

/**
 * How many rows of each class go to each part, parts by importance: in proportion, rounded by largest
 * remainders, and at least one of each class to each part while there are enough.
 */
export function allot(counts: readonly number[], sizes: readonly number[]): number[][] {
  const left = [...counts];
  return sizes.map((size, part) => {
    const later = sizes.slice(part + 1).filter((n) => n > 0).length;
    const total = left.reduce((sum, n) => sum + n, 0);
    const spare = total - size;
    const weights = left.map((n) => (total === 0 ? 0 : (size * n) / total));
    const roomy = size >= counts.length;
    const low = left.map((n) => (roomy && n > 0 ? 1 : 0));
    const high = left.map((n) => (spare >= later * counts.length ? Math.max(Math.min(1, n), n - later) : n));
    const reachable = high.reduce((sum, n) => sum + n, 0) >= size;
    const share = apportion(size, weights, low, reachable ? high : left);
    share.forEach((n, c) => {
      left[c] -= n;
    });
    return share;
  });
}

/** Whole numbers near the weights, between low and high, that sum to `total`. */
function apportion(total: number, weights: number[], low: number[], high: number[]): number[] {
  const result = weights.map((weight, c) => Math.min(high[c], Math.max(low[c], Math.floor(weight + 1e-9))));
  for (let sum = result.reduce((a, n) => a + n, 0); sum !== total; ) {
    const step = sum < total ? 1 : -1;
    let best = -1;
    for (let c = 0; c < result.length; c++) {
      if (step > 0 ? result[c] >= high[c] : result[c] <= low[c]) continue;
      if (best < 0 || step * (weights[c] - result[c]) > step * (weights[best] - result[best]) + 1e-9)
        best = c;
    }
    if (best < 0) break;
    result[best] += step;
    sum += step;
  }
  return result;
}

function byGroup(source: Source, pool: Int32Array, sizes: Sizes, random: Stream): Split {
  const { groups } = source;
  if (groups === undefined)
    throw new OckhamError("conflict", source.name, `${source.name} has no groups`, "name the group column");
  const own = new Set(Array.from(source.test ?? [], (row) => groups[row]));
  const shared = pool.find((row) => own.has(groups[row]));
  if (shared !== undefined)
    throw new OckhamError(
      "conflict",
      source.name,
      `${source.name}: row ${shared + 1} is in the same group as some of the test rows`,
      "take out the rows they share, or split without groups",
    );
  const labels = Int32Array.from(pool, (row) => source.labels?.[row] ?? 0);
  const members = Int32Array.from(pool, (row) => groups[row]);
  const part = allotGroups(members, labels, sizes, random, source.name);
  const of = (which: number) => pool.filter((_, i) => part[i] === which);
  return { train: of(0), validation: of(1), test: of(2) };
}

function byTime(source: Source, pool: Int32Array, sizes: Sizes): Split {
  const { time, name } = source;
  if (time === undefined)
    throw new OckhamError("conflict", name, `${name} has no time`, "name the time column");
  const ordered = pool.toSorted((a, b) => time[a] - time[b] || a - b);
  // Rows of the same time stay together, with the later part.
  const cut = (at: number) => {
    let start = Math.max(0, at);
    while (start > 0 && start < ordered.length && time[ordered[start - 1]] === time[ordered[start]]) start--;
    return start;
  };
  const [last, middle] = [ordered.length - sizes[2], ordered.length - sizes[2] - sizes[1]];
  const [first, second, third] = [middle - sizes[0], middle, last].map(cut);
  const result = {
    train: ordered.slice(first, second),
    validation: ordered.slice(second, third),
    test: ordered.slice(third),
  };
  const empty = parts.find((part, i) => sizes[i] > 0 && result[part].length === 0);
  if (empty !== undefined)
    throw new OckhamError(
      "bad-data",
      name,
      `${name}: too many rows have the same time to leave any for ${empty}`,
      "give a finer time, or split at random",
    );
  return result;
}

function ownTest(source: Source, size: number | undefined, random: Stream): Int32Array {
  const rows = source.test ?? new Int32Array(0);
  if (size === undefined) return rows;
  const count = size < 1 ? Math.round(size * rows.length) : size;
  if (!(count >= 0 && count <= rows.length && Number.isInteger(count)))
    throw badSize("test", `test cannot be ${size} of ${rows.length} test rows`, "ask for fewer");
  const counts = byClass(source, rows).map((list) => random.split("test").shuffled(list));
  const [share] = allot(
    counts.map((list) => list.length),
    [count],
  );
  return Int32Array.from(counts.flatMap((list, c) => list.slice(0, share[c]))).sort();
}

function check(source: Source, result: Split, by: string): void {
  const { labels, name } = source;
  if (labels === undefined) return;
  const seen = new Set(Array.from(result.train, (row) => labels[row]));
  const absent = source.classes.findIndex((_, c) => !seen.has(c));
  // A class may well appear for the first time in the future; training still needs two.
  if (absent < 0 || (by === "time" && seen.size > 1)) return;
  throw new OckhamError(
    "bad-data",
    name,
    `${name}: none of the ${result.train.length} training rows has class ${JSON.stringify(source.classes[absent])}`,
    "ask for more training rows, or leave the class out",
  );
}

const badSize = (part: string, problem: string, hint: string) =>
  new OckhamError("bad-option", part, problem, hint);
