import type { NdArray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { Column, Preprocessing } from "../kinds/preprocessing.ts";
import { cellNumber, type Reading, typed } from "./cells.ts";
import { coded, encodeColumns, type Feature } from "./columns.ts";
import { readRaw } from "./raw.ts";
import { columnOf, decimalComma, type RawTable, textsOf } from "./rawTable.ts";

/**
 * New rows, encoded with what was learned on others: float32 [n, features]. The file needs no target and may
 * have further columns. Throws as `readTable` does, and `bad-data` for a cell that is no number in a column
 * that was learned as numbers.
 */
export async function readFeatures(
  path: string,
  preprocessing: Preprocessing,
  reading: Pick<Reading, "missing"> = {},
): Promise<NdArray<"float32">> {
  if (preprocessing.kind !== "table")
    throw new OckhamError("conflict", path, `${path} is a table, the model takes images`, "give images");
  return encodeRows(await readRaw(path), preprocessing.columns, reading);
}

/** The same of the rows of a table that has been read. */
export function encodeRows(
  table: RawTable,
  columns: readonly Column[],
  reading: Pick<Reading, "missing"> = {},
): NdArray<"float32"> {
  const features = columns.map((column) => asLearned(column, table, reading));
  const all = Int32Array.from({ length: table.rows }, (_, row) => row);
  return encodeColumns(columns, features, all);
}

function asLearned(column: Column, table: RawTable, reading: Pick<Reading, "missing">): Feature {
  const { name } = column;
  const raw = columnOf(table, name, "an input of the model");
  if (column.kind === "number" && raw.kind !== "text") return { kind: "number", name, values: raw.values };
  const asTexts = typed({ kind: "text", name, cells: textsOf(raw) }, table.where, false, {
    ...reading,
    categories: [name],
  });
  const cells = asTexts.kind === "text" ? asTexts.cells : [];
  if (column.kind === "category") return { kind: "category", name, ...coded(cells) };
  const comma = decimalComma(table);
  const values = Float64Array.from(cells, (cell) => (cell === null ? Number.NaN : cellNumber(cell, comma)));
  const junk = values.findIndex((value, row) => cells[row] !== null && !Number.isFinite(value));
  if (junk >= 0)
    throw new OckhamError(
      "bad-data",
      name,
      `${table.where.row(junk)}: column ${JSON.stringify(name)} was learned as numbers and holds ${JSON.stringify(cells[junk])}`,
      "give a number, or leave the cell empty",
    );
  return { kind: "number", name, values };
}
