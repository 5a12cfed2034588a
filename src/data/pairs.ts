import { type NdArray, ndarray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import { listed, type RawColumn, typed, type Where } from "./cells.ts";
import { tableSource } from "./columns.ts";
import { makeFeatures } from "./features.ts";
import { columnOf, decimalComma, type RawTable, textsOf } from "./rawTable.ts";
import { type Description, fitTarget, makeSource, mismatch, noTarget, type Source } from "./source.ts";
import { rolesOf, type TableOptions } from "./tabular.ts";
import { textSource } from "./text/sources.ts";

/**
 * Pairs of things as a source: whether they are the same, or how alike. `singles` are the things, whose own targets do
 * not matter; `pairs` holds two of their rows for each pair. Encoded: every input of a thing with an axis of two after
 * the first, [n, 2, ...]. Both sides are encoded alike, by what was learned from all things of the training pairs.
 */
export function pairSource(description: Description, singles: Source, pairs: Int32Array): Source {
  const { name, target } = description;
  const things = (rows: Int32Array): Int32Array =>
    Int32Array.from({ length: 2 * rows.length }, (_, i) => pairs[2 * rows[i >> 1] + (i % 2)]);
  const source = makeSource(
    description,
    pairs.length / 2,
    (train) => ({ kind: "pair", of: singles.fit(things(train)), ...fitTarget(target, train) }),
    () => ({}),
  );
  return {
    ...source,
    encode(pre, rows) {
      if (pre.kind !== "pair") throw mismatch(name, `these are pairs, and no ${pre.kind} was learned`);
      const { inputs, vocabulary, charactersPerToken } = singles.encode(pre.of, things(rows));
      const twos = Object.entries(inputs).map(([input, a]) => [input, inTwos(a)]);
      return {
        ...source.encode(pre, rows),
        inputs: Object.fromEntries(twos),
        paired: true,
        ...(vocabulary !== undefined && { vocabulary, charactersPerToken }),
      };
    },
  };
}

const inTwos = ({ dtype, shape: [n, ...shape], data }: NdArray): NdArray =>
  ndarray(dtype, [n / 2, 2, ...shape], data as never);

export interface PairOptions extends TableOptions {
  /** The texts are in the columns left_ and right_ with this after it. */
  readonly text?: string;
}

/** The two of a pair. */
export const sides = ["left", "right"] as const;

const side = /^(left|right)[_ .-](?=.)/i;
const baseOf = (column: string): string => column.replace(side, "");

/** Among the names of columns that of `base` on a side, such as left_size or Right.size; undefined where there is none. */
export const sidedName = (
  names: readonly string[],
  of: (typeof sides)[number],
  base: string,
): string | undefined =>
  names.find((name) => side.test(name) && baseOf(name) === base && name.toLowerCase().startsWith(of));

/**
 * A table of pairs as a source: what is known of one of them in columns called left_..., of the other in right_... with
 * the same after it, and a target that says whether they are the same, or how alike. Columns of neither side that have
 * no role are left out; one that is dropped, kept or taken as categories is so on both sides, and one with a role is no
 * input on either.
 *
 * Throws what `readTable` throws, and `bad-data` where a side lacks a column of the other, or there is none.
 */
export function tableOfPairs(
  main: RawTable,
  test: RawTable | undefined,
  options: PairOptions,
  name: string,
): Source {
  const { text, texts, drop = [], keep = [], categories = [], ...roles } = options;
  const singles = (rows: number) => ({ name, target: noTarget(2 * rows) });
  const pairsOf = (rows: Int32Array, all: number) =>
    Int32Array.from({ length: 2 * rows.length }, (_, i) => rows[i >> 1] + (i % 2) * all);
  if (text !== undefined) {
    // the columns without a role are not looked into
    const { target, group, domain, time, split } = options;
    const read = main.columns.flatMap(({ name }) =>
      [target, group, domain, time, split].includes(name) ? [] : [name],
    );
    const { table, rows, description } = rolesOf(main, test, { ...roles, drop: read }, name);
    const sided = read.filter((column) => side.test(column));
    if (!sided.some((column) => baseOf(column) === text))
      throw noSides(table, `left_${text} and right_${text}`);
    const cells = textsOf(bothSides(table, sided, text)).map((cell) => cell ?? "");
    const notes = [`${JSON.stringify(text)} holds the texts of both sides; no other column is an input.`];
    const source = textSource(singles(table.rows), cells, { ...texts, column: text });
    return pairSource(description(notes), source, pairsOf(rows, table.rows));
  }
  const { table, inputs, rows, description } = rolesOf(
    main,
    test,
    { ...roles, drop, keep, categories },
    name,
  );
  const sided = inputs.filter((input) => side.test(input));
  const { target, group, domain, time, split } = roles;
  const taken = [...drop, target, group, domain, time, split].flatMap((one) =>
    one === undefined || !(side.test(one) || drop.includes(one)) ? [] : [baseOf(one)],
  );
  const bases = [...new Set(sided.map(baseOf))].filter((base) => !taken.includes(base));
  const others = inputs.filter((input) => !side.test(input));
  const unused = others.length > 0 ? [`Not used, as they are of neither side: ${listed(others)}.`] : [];
  const where: Where = { path: table.path, row: (row) => table.where.row(row % table.rows) };
  if (bases.length === 0) throw noSides(table, "left_... and right_...");
  const reading = { ...options, categories: categories.map(baseOf) };
  const columns = bases.map((base) =>
    typed(bothSides(table, sided, base), where, decimalComma(table), reading),
  );
  const all = Int32Array.from({ length: 2 * table.rows }, (_, row) => row);
  const made = makeFeatures(columns, all, keep.map(baseOf));
  const notes = [...made.notes, ...unused];
  const source = tableSource(singles(table.rows), made.features);
  return pairSource(description(notes), source, pairsOf(rows, table.rows));
}

/** A column of the left side above that of the right. */
function bothSides(table: RawTable, sided: readonly string[], base: string): RawColumn {
  const [left, right] = sides.map((one) => {
    const name = sidedName(sided, one, base);
    if (name !== undefined) return columnOf(table, name, `the ${one} side`);
    const other = sided.find((column) => baseOf(column) === base);
    throw new OckhamError(
      "bad-data",
      base,
      `${table.path}: column ${JSON.stringify(other)} has none of the ${one} side beside it`,
      `add ${one}_${base}, or drop ${JSON.stringify(other)} (drop)`,
    );
  });
  if (left.kind === "text" || right.kind === "text")
    return { kind: "text", name: base, cells: [...textsOf(left), ...textsOf(right)] };
  const values = new Float64Array(left.values.length + right.values.length);
  values.set(left.values);
  values.set(right.values, left.values.length);
  return { kind: left.kind, name: base, values };
}

const noSides = (table: RawTable, wanted: string) =>
  new OckhamError(
    "bad-data",
    table.path,
    `${table.path} has no columns ${wanted}`,
    "call the columns of one thing left_ and those of the other right_, with the same after it",
  );
