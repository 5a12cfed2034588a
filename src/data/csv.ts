import { OckhamError } from "../error.ts";
import { type RawColumn, rowsOf } from "./cells.ts";
import { headerOf, recordAt } from "./header.ts";
import { badFile } from "./names.ts";
import { type RawTable, trimmed } from "./rawTable.ts";
import type { Source } from "./source.ts";
import { sourceOf, type TableOptions } from "./tabular.ts";

export interface CsvOptions extends Omit<TableOptions, "test"> {
  /** A text with the same columns whose rows are for testing only. */
  readonly test?: string;
}

/**
 * A CSV or TSV text as a source: what `readTable` makes of a file that holds it. Errors and notes call it `name`,
 * "table" unless told.
 */
export function csvSource(text: string, { test, ...options }: CsvOptions): Source {
  const name = options.name ?? "table";
  const below = test === undefined ? undefined : rawTable(test, `${name}, test rows`);
  return sourceOf(rawTable(text, name), below, options, name);
}

function rawTable(text: string, path: string): RawTable {
  const whole = text.replace(/^\uFEFF/, "");
  const { delimiter, names, notes } = headerOf(whole, path, false);
  const cells: (string | null)[][] = names.map(() => []);
  let rows = 0;
  let at = recordAt(whole, 0, delimiter).end;
  while (at < whole.length) {
    const start = at;
    const record = recordAt(whole, start, delimiter);
    const bad = (problem: string, hint: string) => {
      const line = whole.slice(0, start).split(/\r\n|\r|\n/).length;
      return new OckhamError("bad-data", path, `${path}, line ${line}: ${problem}`, hint);
    };
    if (record.open)
      throw bad("a quote is opened and not closed", 'close it; write a quote inside quotes twice: ""');
    at = record.end;
    const blank = record.cells.length === 1 && record.cells[0] === "";
    if (blank && names.length > 1) continue;
    if (record.cells.length !== names.length)
      throw bad(
        `${record.cells.length > names.length ? "more" : "fewer"} values than the ${names.length} columns of the header`,
        "give every line as many values as the header; put quotes around values that hold the delimiter",
      );
    for (const [i, cell] of record.cells.entries()) cells[i].push(trimmed(cell));
    rows++;
  }
  if (rows === 0) throw badFile(path, "has column names but no rows", "check how it was written");
  const columns = names.map((name, i): RawColumn => ({ kind: "text", name, cells: cells[i] }));
  return { path, rows, where: rowsOf(path), columns, delimiter, notes };
}
