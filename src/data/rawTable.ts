import { nearest, OckhamError } from "../error.ts";
import { counted, listed, type RawColumn, type Where } from "./cells.ts";

/** A table as it stands in a file. */
export interface RawTable {
  readonly path: string;
  readonly rows: number;
  readonly where: Where;
  readonly columns: readonly RawColumn[];
  /** In a file without types a comma may be the decimal point; so it is only where it does not part columns. */
  readonly delimiter?: string;
  readonly notes: readonly string[];
}

/** A cell without the space around it; null where nothing is left. */
export const trimmed = (cell: string | null): string | null => cell?.trim() || null;

/** The column of that name. Throws `unknown-name`, with the nearest name; `role` says what it was wanted for. */
export function columnOf(table: RawTable, name: string, role: string): RawColumn {
  const column = table.columns.find((candidate) => candidate.name === name);
  if (column !== undefined) return column;
  const names = table.columns.map((candidate) => candidate.name);
  const near = nearest(name, names);
  throw new OckhamError(
    "unknown-name",
    name,
    `${table.path} has no column ${JSON.stringify(name)} (${role})`,
    near === undefined ? `its columns are ${listed(names)}` : `did you mean ${JSON.stringify(near)}?`,
  );
}

/** The cells as texts, whatever the column's type. */
export const textsOf = (column: RawColumn): (string | null)[] =>
  column.kind === "text"
    ? column.cells
    : Array.from(column.values, (value) => (Number.isNaN(value) ? null : String(value)));

/** Some rows of a table, as a table. */
export const picked = (table: RawTable, rows: Int32Array): RawTable => ({
  ...table,
  rows: rows.length,
  where: { path: table.path, row: (row) => table.where.row(rows[row]) },
  columns: table.columns.map(
    (column): RawColumn =>
      column.kind === "text"
        ? { ...column, cells: Array.from(rows, (row) => column.cells[row]) }
        : { ...column, values: Float64Array.from(rows, (row) => column.values[row]) },
  ),
});

/** The rows of a second file below those of the first, by column name; further columns of the second are left. */
export function stacked(upper: RawTable, lower: RawTable): RawTable {
  const columns = upper.columns.map((column): RawColumn => {
    const below = columnOf(lower, column.name, `it is one of ${upper.path}`);
    if (column.kind !== below.kind || column.kind === "text" || below.kind === "text")
      return { kind: "text", name: column.name, cells: [...textsOf(column), ...textsOf(below)] };
    const values = new Float64Array(upper.rows + lower.rows);
    values.set(column.values);
    values.set(below.values, upper.rows);
    return { ...column, values };
  });
  return {
    ...upper,
    rows: upper.rows + lower.rows,
    where: {
      path: upper.path,
      row: (row) => (row < upper.rows ? upper.where.row(row) : lower.where.row(row - upper.rows)),
    },
    columns,
    notes: [...upper.notes, `The last ${counted(lower.rows, "row")}, from ${lower.path}, are for testing.`],
  };
}

/** Whether a comma may be the decimal point: only where it does not part the columns. */
export const decimalComma = (table: RawTable): boolean =>
  table.delimiter !== undefined && table.delimiter !== ",";
