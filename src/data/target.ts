import { OckhamError } from "../error.ts";
import { counted, type TypedColumn, type Where } from "./cells.ts";
import { coded } from "./columns.ts";
import type { ColumnTask, Target } from "./source.ts";

/** Whole numbers in a target are taken as classes when at most this many are distinct. */
export const mostClasses = 20;
/** Fewer rows than this cannot be split and learned from. */
export const leastRows = 10;

/**
 * The target and its task: texts, booleans and at most 20 distinct whole numbers (each on average in at least
 * two rows) are classes, other numbers a regression; `task` overrides. All cells must be present.
 *
 * Throws `bad-data`: fewer than ten rows, one class, a class with a single row, texts where regression was asked
 * for, equal numbers throughout.
 */
export function makeTarget(
  column: TypedColumn,
  task: ColumnTask | undefined,
  where: Where,
): { target: Target; notes: string[] } {
  const { name } = column;
  const size = column.kind === "text" ? column.cells.length : column.values.length;
  if (size < leastRows)
    throw refused(where.path, name, `${counted(size, "row")} with a target`, `give at least ${leastRows}`);
  const found = task ?? (looksLikeClasses(column) ? "classification" : "regression");
  const why = task === undefined ? `: ${reason(column)}` : "";
  if (found === "regression") {
    const target = regression(column, where);
    return { target, notes: [`The target ${JSON.stringify(name)} is predicted as a number${why}.`] };
  }
  const target = classification(column, where);
  const classes = counted(target.classes.length, "class").replace("classs", "classes");
  return { target, notes: [`The target ${JSON.stringify(name)} has ${classes}${why}.`] };
}

function looksLikeClasses(column: TypedColumn): boolean {
  if (column.kind === "text" || column.kind === "boolean") return true;
  if (column.kind === "date" || !column.values.every(Number.isInteger)) return false;
  const distinct = new Set(column.values).size;
  return distinct <= mostClasses && distinct * 2 <= column.values.length;
}

function reason(column: TypedColumn): string {
  if (column.kind === "text") return "it holds texts";
  if (column.kind === "boolean") return "it holds true and false";
  if (column.kind === "date") return "it holds dates (in days)";
  const distinct = new Set(column.values).size;
  if (!column.values.every(Number.isInteger)) return "it holds fractions";
  return `it holds ${distinct} distinct whole numbers`;
}

function regression(column: TypedColumn, where: Where): Target {
  if (column.kind === "text")
    throw refused(
      where.row(0),
      column.name,
      `regression needs numbers, and the target holds ${JSON.stringify(column.cells[0])}`,
      "name a column of numbers, or ask for classification",
    );
  const { name, values } = column;
  if (values.every((value) => value === values[0]))
    throw refused(where.path, name, `the target is ${values[0]} in every row`, "name a column that varies");
  return { task: "regression", name, values };
}

function classification(column: TypedColumn, where: Where): Target & { classes: readonly string[] } {
  const { name } = column;
  const { codes, levels } = coded(
    column.kind === "text" ? column.cells : Array.from(column.values, classText(column)),
  );
  if (levels.length < 2)
    throw refused(
      where.path,
      name,
      `the target has one class only, ${JSON.stringify(levels[0])}`,
      "name a column with at least two different values",
    );
  const counts = new Int32Array(levels.length);
  for (const code of codes) counts[code]++;
  const single = counts.indexOf(1);
  if (single >= 0)
    throw refused(
      where.row(codes.indexOf(single)),
      name,
      `class ${JSON.stringify(levels[single])} of the target has this single row`,
      "give it more rows, merge it with another class, or leave the row out; for a number to predict, ask for regression",
    );
  return { task: "classification", name, classes: levels, labels: codes };
}

const classText = (column: TypedColumn) => (value: number) =>
  column.kind === "boolean" ? String(value === 1) : String(value);

const refused = (place: string, name: string, problem: string, hint: string) =>
  new OckhamError("bad-data", name, `${place}: column ${JSON.stringify(name)}: ${problem}`, hint);
