import { OckhamError } from "../error.ts";
import { counted, type Reading, type TypedColumn, typed, type Where } from "./cells.ts";
import { coded, tableSource } from "./columns.ts";
import { makeFeatures } from "./features.ts";
import { columnOf, decimalComma, type RawTable, stacked, textsOf } from "./rawTable.ts";
import type { ColumnTask, Description, Origin, Source, Split } from "./source.ts";
import { makeTarget } from "./target.ts";
import { type TextOptions, textSource } from "./text/sources.ts";

export interface TableOptions extends Reading {
  /** The column to predict. */
  readonly target: string;
  /** Rows with the same value here stay on one side of any split. The column is no input. */
  readonly group?: string;
  /** The group or domain that each row is of, which no split heeds. The column is no input. */
  readonly domain?: string;
  /** When each row happened: a column of numbers or dates. The column is no input. */
  readonly time?: string;
  /** Which part each row is in: a column of train, validation and test; rows with an empty cell are in none. No input. */
  readonly split?: string;
  /** Columns to leave out. */
  readonly drop?: readonly string[];
  /** Columns to use though they look like row numbers or names. */
  readonly keep?: readonly string[];
  readonly task?: ColumnTask;
  /** A file with the same columns whose rows are for testing only. */
  readonly test?: string;
  /** Default: the file's name without its endings. */
  readonly name?: string;
  readonly origin?: Origin;
  /** A column of texts that are the only input: other columns are left out. */
  readonly text?: string;
  /** How its texts become ids. */
  readonly texts?: TextOptions;
}

/** A table whose columns have their types and roles. */
export interface Roles {
  readonly table: RawTable;
  /** Those that have a type, by name: all, but for columns to drop and what stands beside texts. */
  readonly columns: ReadonlyMap<string, TypedColumn>;
  /** Names of those without a role. */
  readonly inputs: readonly string[];
  /** Those with a target, and a column in them. */
  readonly rows: Int32Array;
  column(name: string): TypedColumn;
  /** The description of a source of these rows; what became of the inputs is among its notes. */
  description(aboutInputs: readonly string[]): Description;
}

/** The roles that columns were given: see `readTable`. `name` is for where none is given, `noun` what rows are called. */
export function rolesOf(
  main: RawTable,
  test: RawTable | undefined,
  options: TableOptions,
  name: string,
  noun = "row",
): Roles {
  checkRoles(main, options);
  const table = test === undefined ? main : stacked(main, test);
  const columns = typedColumns(table, options);
  const kept = rowsWithTarget(columns.get(options.target)!, table);
  const where: Where = { path: main.path, row: (row) => table.where.row(kept.rows[row]) };
  const column = (name: string) => picked(columns.get(name)!, kept.rows);
  const { target, notes: aboutTarget } = makeTarget(column(options.target), options.task, where);
  const roles = [options.target, options.group, options.domain, options.time, options.split];
  const notes = [
    `${counted(table.rows, noun)}, ${counted(table.columns.length, "column")}.`,
    ...table.notes,
    ...aboutTarget,
    ...kept.notes,
    ...[...columns.values()].flatMap((one) => one.notes),
  ];
  const about = {
    name: options.name ?? name,
    target,
    ...(options.origin && { origin: options.origin }),
    ...(options.group !== undefined && { groups: groupNumbers(column(options.group), where) }),
    ...(options.domain !== undefined && { domains: groupNumbers(column(options.domain), where) }),
    ...(options.time !== undefined && { time: times(column(options.time), where) }),
    ...(options.split !== undefined && { parts: partsOf(column(options.split), where) }),
    ...(test !== undefined && { test: testRows(kept.rows, main.rows, test.path) }),
  };
  return {
    table,
    columns,
    inputs: [...columns.keys()].filter((name) => !roles.includes(name)),
    rows: kept.rows,
    column,
    description: (aboutInputs) => ({ ...about, notes: [...notes, ...aboutInputs, ...aboutRoles(options)] }),
  };
}

/** A table as a source, and the rows of another below it for testing: see `readTable`. `name` is for where none is given. */
export function sourceOf(
  main: RawTable,
  test: RawTable | undefined,
  options: TableOptions,
  name: string,
): Source {
  const { table, inputs, rows, column, description } = rolesOf(main, test, options, name);
  const { text } = options;
  if (text === undefined) {
    const { features, notes } = makeFeatures(inputs.map(column), rows, options.keep ?? []);
    if (features.length === 0) throw noInputs(table);
    return tableSource(description(notes), features);
  }
  const cells = textsOf(columnOf(table, text, "the texts"));
  const texts = Array.from(rows, (row) => cells[row] ?? "");
  const notes = [`${JSON.stringify(text)} holds the texts; no other column is an input.`];
  return textSource(description(notes), texts, { ...options.texts, column: text });
}

function typedColumns(table: RawTable, options: TableOptions): Map<string, TypedColumn> {
  const asTexts = [
    ...(options.categories ?? []),
    ...[options.group, options.domain, options.split].filter((name) => name !== undefined),
    ...(options.task === "classification" ? [options.target] : []),
  ];
  // beside texts, only the columns that have a role are read
  const roles = [options.target, options.group, options.domain, options.time, options.split];
  const used = table.columns.filter(({ name }) =>
    options.text === undefined ? !options.drop?.includes(name) : roles.includes(name),
  );
  const reading = { ...options, categories: asTexts };
  return new Map(used.map((raw) => [raw.name, typed(raw, table.where, decimalComma(table), reading)]));
}

function checkRoles(table: RawTable, options: TableOptions): void {
  const { target, group, domain, time, split, text } = options;
  const roles = Object.entries({ target, group, domain, time, split, text });
  const lists = { drop: options.drop, keep: options.keep, categories: options.categories };
  for (const [role, name] of roles) if (name !== undefined) columnOf(table, name, role);
  for (const [role, names] of Object.entries(lists))
    for (const name of names ?? []) columnOf(table, name, role);
  for (const [role, name] of roles) {
    if (name === undefined) continue;
    const other = options.drop?.includes(name) ? "drop" : roles.find((one) => one[1] === name)![0];
    if (other !== role && !(other === "group" && (role === "time" || role === "domain")))
      throw new OckhamError(
        "conflict",
        name,
        `${table.path}: column ${JSON.stringify(name)} is named as ${role} and as ${other}`,
        "give it one role",
      );
  }
}

function rowsWithTarget(target: TypedColumn, table: RawTable) {
  const present = (row: number) =>
    target.kind === "text" ? target.cells[row] !== null : !Number.isNaN(target.values[row]);
  const all = Int32Array.from({ length: table.rows }, (_, row) => row);
  const rows = all.filter(present);
  const lost = table.rows - rows.length;
  const first = all.find((row) => !present(row)) ?? 0;
  const notes =
    lost === 0 ? [] : [`${counted(lost, "row")} without a target left out, first ${table.where.row(first)}.`];
  return { rows, notes };
}

function testRows(rows: Int32Array, mainRows: number, path: string): Int32Array {
  const test = Int32Array.from(rows.keys()).filter((i) => rows[i] >= mainRows);
  if (test.length === 0)
    throw new OckhamError(
      "bad-data",
      path,
      `${path} has no row with a target`,
      "give test rows with a target",
    );
  return test;
}

function picked(column: TypedColumn, rows: Int32Array): TypedColumn {
  if (column.kind === "text") return { ...column, cells: Array.from(rows, (row) => column.cells[row]) };
  return { ...column, values: Float64Array.from(rows, (row) => column.values[row]) };
}

const noInputs = (table: RawTable) =>
  new OckhamError(
    "bad-data",
    table.path,
    `${table.path}: of ${counted(table.columns.length, "column")} none besides the target is left to learn from`,
    table.columns.length === 1
      ? "check the delimiter: comma, semicolon, tab and bar are known"
      : "keep columns with `keep`, or leave fewer out with `drop`",
  );

const aboutRoles = ({ group, domain, time, split }: TableOptions): string[] => [
  ...(split === undefined ? [] : [`${JSON.stringify(split)} says which part a row is in and is no input.`]),
  ...(group === undefined ? [] : [`${JSON.stringify(group)} groups the rows and is no input.`]),
  ...(domain === undefined ? [] : [`${JSON.stringify(domain)} names the groups and is no input.`]),
  ...(time === undefined ? [] : [`${JSON.stringify(time)} orders the rows in time and is no input.`]),
];

const partNames: Readonly<Record<string, keyof Split>> = {
  train: "train",
  training: "train",
  val: "validation",
  valid: "validation",
  validation: "validation",
  test: "test",
  testing: "test",
};

function partsOf(column: TypedColumn, where: Where): Split {
  const rows: Record<keyof Split, number[]> = { train: [], validation: [], test: [] };
  const cells = column.kind === "text" ? column.cells : [];
  cells.forEach((cell, row) => {
    if (cell === null) return;
    const part = partNames[cell.toLowerCase()];
    if (part === undefined)
      throw new OckhamError(
        "bad-data",
        column.name,
        `${where.row(row)}: column ${JSON.stringify(column.name)} holds ${JSON.stringify(cell)}, which is no part`,
        "write train, validation or test, or nothing for a row in no part",
      );
    rows[part].push(row);
  });
  for (const part of Object.keys(rows) as (keyof Split)[])
    if (rows[part].length === 0)
      throw new OckhamError(
        "bad-data",
        column.name,
        `${where.path}: column ${JSON.stringify(column.name)} has no row for ${part}`,
        "give every part some rows, or leave the column out to have parts drawn",
      );
  const of = (part: keyof Split) => Int32Array.from(rows[part]);
  return { train: of("train"), validation: of("validation"), test: of("test") };
}

function groupNumbers(column: TypedColumn, where: Where): Int32Array {
  const { codes } = coded(column.kind === "text" ? column.cells : []);
  const missing = codes.indexOf(-1);
  if (missing >= 0) throw incomplete(where.row(missing), column.name, "group");
  return codes;
}

function times(column: TypedColumn, where: Where): Float64Array {
  if (column.kind === "text")
    throw new OckhamError(
      "bad-data",
      column.name,
      `${where.path}: the time column ${JSON.stringify(column.name)} holds texts, such as ${JSON.stringify(column.cells.find((cell) => cell !== null) ?? "")}`,
      "write dates as 2024-12-31 or 2024-12-31 23:59, or give numbers",
    );
  const missing = column.values.findIndex(Number.isNaN);
  if (missing >= 0) throw incomplete(where.row(missing), column.name, "time");
  return column.values;
}

const incomplete = (place: string, name: string, role: string) =>
  new OckhamError(
    "bad-data",
    name,
    `${place}: no ${role} (column ${JSON.stringify(name)})`,
    "fill it in, or leave the row out",
  );
