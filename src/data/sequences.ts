import { ndarray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import { counted, typed } from "./cells.ts";
import { tableSource } from "./columns.ts";
import { makeFeatures } from "./features.ts";
import { columnOf, decimalComma, picked, type RawTable, textsOf } from "./rawTable.ts";
import { type Description, fitTarget, makeSource, mismatch, noTarget, type Source } from "./source.ts";
import { rolesOf, type TableOptions } from "./tabular.ts";

export interface SequenceOptions {
  /** Most steps of an example; 512 unless told. */
  readonly most?: number;
  /** What the column is called that says which sequence a row is a step of; "sequence" unless told. */
  readonly column?: string;
  /** What the column is called that orders the steps. */
  readonly time?: string;
}

/**
 * Sequences of steps as a source. `steps` is a table of the steps of all of them, whose target does not matter; `rows`
 * has the rows of each sequence, in order. Encoded: `x` float32 [n, steps, features] with zeros after a sequence's end,
 * and where sequences differ in length `mask` float32 [n, steps], 1 for a step and 0 for padding. An example has as many
 * steps as the longest sequence, at most `most`; longer ones are cut at their end. Steps are encoded as rows of a table,
 * by what was learned from all steps of the training sequences.
 */
export function sequenceSource(
  description: Description,
  steps: Source,
  rows: readonly Int32Array[],
  { most = 512, column = "sequence", time }: SequenceOptions = {},
): Source {
  const { name, target } = description;
  if (!Number.isSafeInteger(most) || most < 1)
    throw new OckhamError(
      "bad-option",
      "tokens",
      `tokens cannot be ${most}`,
      "give a whole number of at least 1",
    );
  const lengths = rows.map((own) => own.length);
  const [shortest, whole] = lengths.reduce(([a, b], n) => [Math.min(a, n), Math.max(b, n)], [Infinity, 0]);
  const longest = Math.min(most, whole);
  const cut = lengths.filter((length) => length > longest).length;
  const joined = (chosen: Int32Array, most: number) =>
    Int32Array.from(Array.from(chosen).flatMap((row) => Array.from(rows[row].subarray(0, most))));
  const notes = [
    `Sequences of ${shortest} to ${counted(whole, "step")}.`,
    ...(cut > 0 ? [`${cut} of them are cut to ${longest} steps.`] : []),
  ];
  return makeSource(
    { ...description, notes: [...(description.notes ?? []), ...notes] },
    rows.length,
    (train) => {
      const of = steps.fit(joined(train, longest));
      if (of.kind !== "table") throw mismatch(name, `steps are rows of a table, and these are ${of.kind}s`);
      return {
        kind: "sequence",
        of,
        steps: longest,
        cut: cut > 0,
        column,
        ...(time !== undefined && { time }),
        ...fitTarget(target, train),
      };
    },
    (pre, chosen) => {
      if (pre.kind !== "sequence")
        throw mismatch(name, `these are sequences, and no ${pre.kind} was learned`);
      const { x: all } = steps.encode(pre.of, joined(chosen, pre.steps)).inputs;
      const width = all.shape[1];
      const x = new Float32Array(chosen.length * pre.steps * width);
      const mask = new Float32Array(chosen.length * pre.steps);
      let from = 0;
      chosen.forEach((row, i) => {
        const length = Math.min(pre.steps, rows[row].length);
        x.set(
          (all.data as Float32Array).subarray(from * width, (from + length) * width),
          i * pre.steps * width,
        );
        mask.fill(1, i * pre.steps, i * pre.steps + length);
        from += length;
      });
      return {
        x: ndarray("float32", [chosen.length, pre.steps, width], x),
        ...(shortest < pre.steps && { mask: ndarray("float32", [chosen.length, pre.steps], mask) }),
      };
    },
  );
}

export interface SequenceTableOptions extends Omit<TableOptions, "test" | "text" | "texts"> {
  /** The column that says which sequence a row is a step of. */
  readonly sequence: string;
  /** Most steps of an example; 512 unless told. */
  readonly tokens?: number;
}

/**
 * A table with a step a row as a source of sequences: those rows are one sequence that have the same value in `sequence`,
 * in the order of the numbers or dates in `time`, else as they stand. The target, and the group or domain, are those of
 * a sequence, the same in all its rows; other columns are what is known of each step.
 *
 * Throws what `readTable` throws, and `bad-data`, naming the row, for a step of no sequence or without a time, and for a
 * target or group that changes within a sequence.
 */
export function tableOfSequences(main: RawTable, options: SequenceTableOptions, name: string): Source {
  const { sequence, time, tokens, drop = [], ...rest } = options;
  const { target, group, domain, split } = rest;
  const sequences = [...stepsIn(main, sequence).values()];
  const whole = [target, group, domain, split].filter((one) => one !== undefined);
  for (const column of whole) checkSame(main, column, sequences, sequence);
  for (const one of [...drop, ...(rest.keep ?? []), ...(rest.categories ?? [])])
    columnOf(main, one, "of a step");
  const firsts = Int32Array.from(sequences, ([first]) => first);
  const ofSteps = main.columns.filter(({ name: one }) => !whole.includes(one));
  const ofWhole = { ...rest, keep: [], categories: [], drop: ofSteps.map(({ name: one }) => one) };
  const { rows, description } = rolesOf(picked(main, firsts), undefined, ofWhole, name, "sequence");
  const own = ofSteps.filter(({ name: one }) => ![sequence, time, ...drop].includes(one));
  const columns = own.map((column) => typed(column, main.where, decimalComma(main), rest));
  const all = Int32Array.from({ length: main.rows }, (_, row) => row);
  const { features, notes } = makeFeatures(columns, all, rest.keep ?? []);
  if (features.length === 0)
    throw bad(
      main.path,
      main.path,
      "no column is left that says something of a step",
      "give columns that vary",
    );
  const sorted = inOrder(
    main,
    time,
    Array.from(rows, (at) => sequences[at]),
  );
  const about = [...notes, ...(time === undefined ? [] : [`${JSON.stringify(time)} orders the steps.`])];
  const steps = tableSource({ name, target: noTarget(main.rows) }, features);
  return sequenceSource(description(about), steps, sorted, { most: tokens, column: sequence, time });
}

/** The rows of each sequence, by what `column` calls it, as they stand. Throws `bad-data` for a row of none. */
export function stepsIn(table: RawTable, column: string): ReadonlyMap<string, readonly number[]> {
  const members = new Map<string, number[]>();
  textsOf(columnOf(table, column, "the sequence of a step")).forEach((id, row) => {
    if (id === null)
      throw bad(table.where.row(row), column, `no sequence (column ${JSON.stringify(column)})`, "fill it in");
    const known = members.get(id);
    if (known === undefined) members.set(id, [row]);
    else known.push(row);
  });
  return members;
}

/** The rows of sequences in order of time; as they stand where no column says it. Throws `bad-data` for a row without a time. */
export function inOrder(
  table: RawTable,
  time: string | undefined,
  sequences: readonly (readonly number[])[],
): Int32Array[] {
  if (time === undefined) return sequences.map((own) => Int32Array.from(own));
  const order = timesOf(table, time);
  return sequences.map((own) => Int32Array.from(own.toSorted((a, b) => order[a] - order[b] || a - b)));
}

/** Throws `bad-data` where a column has several values in one sequence. */
function checkSame(
  table: RawTable,
  column: string,
  sequences: readonly (readonly number[])[],
  sequence: string,
): void {
  const cells = textsOf(columnOf(table, column, "of a sequence"));
  for (const [first, ...others] of sequences)
    for (const row of others)
      if (cells[row] !== cells[first])
        throw bad(
          table.where.row(row),
          column,
          `column ${JSON.stringify(column)} holds ${JSON.stringify(cells[row] ?? "")}, and ${JSON.stringify(cells[first] ?? "")} in row ${first + 1} of the same sequence`,
          `write the same in all rows that share ${JSON.stringify(sequence)}`,
        );
}

function timesOf(table: RawTable, name: string): Float64Array {
  const column = typed(columnOf(table, name, "time"), table.where, decimalComma(table), {});
  const wrong =
    column.kind === "text"
      ? column.cells.findIndex((cell) => cell !== null)
      : column.values.findIndex(Number.isNaN);
  if (column.kind !== "text" && wrong < 0) return column.values;
  throw bad(
    table.where.row(Math.max(0, wrong)),
    name,
    `column ${JSON.stringify(name)} holds ${JSON.stringify(textsOf(columnOf(table, name, "time"))[Math.max(0, wrong)] ?? "")}, which is no time`,
    "write numbers, or dates as 2024-12-31",
  );
}

const bad = (place: string, culprit: string, problem: string, hint: string) =>
  new OckhamError("bad-data", culprit, `${place}: ${problem}`, hint);
