import { stem } from "./names.ts";
import { readRaw } from "./raw.ts";
import type { Source } from "./source.ts";
import { sourceOf, type TableOptions } from "./tabular.ts";

/**
 * A CSV, TSV, Parquet, JSON or NDJSON file (or .gz of one) as a source.
 *
 * Column types are found from the cells (see `typed`); what was found, dropped or taken as missing is said in
 * `notes`. Texts become categories; texts that differ in most rows, columns that count the rows, and constant
 * columns are dropped. Rows without a target are left out. Rows are numbered from 1, header not counted.
 *
 * Throws `bad-file` (missing, a folder, empty, not whole), `unknown-name` (no such column; names the nearest),
 * `bad-data` (ragged lines, doubled column names, junk among numbers, infinite numbers, too few rows, a target
 * with one class, a class with a single row), `conflict` (a column with two roles).
 */
export async function readTable(path: string, options: TableOptions): Promise<Source> {
  const main = await readRaw(path);
  const test = options.test === undefined ? undefined : await readRaw(options.test);
  return sourceOf(main, test, options, stem(path));
}

/** The column names of a table, for help and completion. */
export const tableColumns = async (path: string): Promise<string[]> =>
  (await readRaw(path)).columns.map((column) => column.name);
