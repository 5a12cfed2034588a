import type { DuckDBConnection } from "@duckdb/node-api";
import { OckhamError } from "../error.ts";
import { type RawColumn, rowsOf } from "./cells.ts";
import { withUnpacked } from "./files.ts";
import { readHeader } from "./headerFile.ts";
import { badFile, plainName } from "./names.ts";
import { type RawTable, trimmed } from "./rawTable.ts";

/** What the endings mean; .gz may follow each. */
const formats = new Map<string, "delimited" | "parquet" | "json">([
  ["csv", "delimited"],
  ["tsv", "delimited"],
  ["tab", "delimited"],
  ["txt", "delimited"],
  ["parquet", "parquet"],
  ["pq", "parquet"],
  ["json", "json"],
  ["ndjson", "json"],
  ["jsonl", "json"],
]);

const ending = (path: string) => plainName(path).split(".").pop() ?? "";

export const isTablePath = (path: string) => formats.has(ending(path)) && plainName(path).includes(".");

/**
 * All columns of a CSV, TSV, Parquet or JSON file (any of them also as .gz), read by DuckDB in memory, with no
 * network and no extensions loaded on demand. Texts stay texts; Parquet and JSON keep their types, dates as
 * days since 1970.
 */
export async function readRaw(path: string): Promise<RawTable> {
  const format = formats.get(ending(path));
  return withUnpacked(path, async (plain) => {
    if (format === undefined)
      throw badFile(
        path,
        "is of no known kind",
        "give a .csv, .tsv, .parquet, .json or .ndjson file, or .gz of one",
      );
    const { DuckDBInstance } = await import("@duckdb/node-api");
    const instance = await DuckDBInstance.create(":memory:", {
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
      threads: "2",
    });
    const connection = await instance.connect();
    try {
      const table = await (format === "delimited" ? readDelimited : readTyped)(
        connection,
        plain,
        path,
        format,
      );
      if (table.rows === 0) throw badFile(path, "has column names but no rows", "check how it was written");
      return table;
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  });
}

/** DuckDB takes paths as patterns; a character class of one stands for itself. */
const literal = (path: string) => path.replace(/[*?[]/g, "[$&]");

async function readDelimited(connection: DuckDBConnection, plain: string, path: string): Promise<RawTable> {
  const { delimiter, names, notes } = await readHeader(plain, path, /^(tsv|tab)$/.test(ending(path)));
  const columns = names.map((_, i) => `c${i}: 'VARCHAR'`).join(", ");
  const sql = `select * from read_csv($1, auto_detect = false, header = true, delim = '${delimiter}', quote = '"',
    escape = '"', strict_mode = true, null_padding = false, max_line_size = ${32 * 2 ** 20},
    columns = {${columns}})`;
  const cells: (string | null)[][] = names.map(() => []);
  const rows = await scan(connection, sql, plain, path, (column, value) =>
    cells[column].push(value as string | null),
  );
  const texts = names.map((name, i): RawColumn => ({ kind: "text", name, cells: cells[i].map(trimmed) }));
  return { path, rows, where: rowsOf(path), columns: texts, delimiter, notes };
}

interface TypedColumn {
  readonly name: string;
  readonly kind: RawColumn["kind"];
  readonly sql: string;
}

async function readTyped(
  connection: DuckDBConnection,
  plain: string,
  path: string,
  format: "parquet" | "json" | "delimited",
): Promise<RawTable> {
  const from = format === "parquet" ? "read_parquet($1)" : `read_json($1, sample_size = -1)`;
  const types: [string, string][] = [];
  await scan(
    connection,
    `select column_name || chr(0) || column_type from (describe select * from ${from})`,
    plain,
    path,
    (_, value) => types.push(String(value).split("\0") as [string, string]),
  );
  const notes: string[] = [];
  const columns = types.flatMap(([name, type]) => {
    const column = typedColumn(name, type);
    if (column === undefined)
      notes.push(`Column ${JSON.stringify(name)} is dropped: it holds ${type} values.`);
    return column ?? [];
  });
  if (columns.length === 0)
    throw badFile(path, "has no columns of numbers, texts, dates or booleans", "give one flat record a row");
  const cells: unknown[][] = columns.map(() => []);
  const sql = `select ${columns.map((column) => column.sql).join(", ")} from ${from}`;
  const rows = await scan(connection, sql, plain, path, (column, value) => cells[column].push(value));
  const raw = columns.map(
    ({ name, kind }, i): RawColumn =>
      kind === "text"
        ? { kind, name, cells: (cells[i] as (string | null)[]).map(trimmed) }
        : { kind, name, values: Float64Array.from(cells[i], (v) => (v === null ? Number.NaN : Number(v))) },
  );
  return { path, rows, where: rowsOf(path), columns: raw, notes };
}

function typedColumn(name: string, type: string): TypedColumn | undefined {
  const column = `"${name.replaceAll('"', '""')}"`;
  if (/^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\))$/.test(type))
    return { name, kind: "number", sql: `${column}::DOUBLE` };
  if (type === "BOOLEAN") return { name, kind: "boolean", sql: `${column}::INTEGER` };
  if (/^(DATE|TIME|TIMESTAMP.*)$/.test(type))
    return { name, kind: "date", sql: `epoch(${column}) / 86400.0` };
  if (/^(VARCHAR|UUID|ENUM\(.*\))$/s.test(type)) return { name, kind: "text", sql: `${column}::VARCHAR` };
  // JSON values of several types: ->> gives texts without their quotes.
  if (type === "JSON") return { name, kind: "text", sql: `${column} ->> '$'` };
  return undefined;
}

/** Runs the query, a chunk at a time, and hands over each value with its column's number. Returns the rows seen. */
async function scan(
  connection: DuckDBConnection,
  sql: string,
  plain: string,
  path: string,
  take: (column: number, value: unknown) => void,
): Promise<number> {
  try {
    const result = await connection.stream(sql, [literal(plain)]);
    let rows = 0;
    for (;;) {
      const chunk = await result.fetchChunk();
      if (!chunk || chunk.rowCount === 0) return rows;
      rows += chunk.rowCount;
      for (let i = 0; i < chunk.columnCount; i++)
        for (const value of chunk.getColumnValues(i)) take(i, value);
    }
  } catch (cause) {
    throw translated(String((cause as Error).message), path, cause);
  }
}

/** DuckDB's message as ours: the file, the line, what is wrong and what to do. */
function translated(message: string, path: string, cause: unknown): OckhamError {
  const line = /CSV Error on Line: (\d+)/.exec(message)?.[1];
  const where = line ? `${path}, line ${line}: ` : `${path}: `;
  const bad = (problem: string, hint: string) =>
    new OckhamError("bad-data", path, where + problem, hint, cause);
  const width = /Expected Number of Columns: (\d+) Found: (\d+)/.exec(message);
  if (width)
    return bad(
      `${Number(width[2]) > Number(width[1]) ? "more" : "fewer"} values than the ${width[1]} columns of the header`,
      "give every line as many values as the header; put quotes around values that hold the delimiter",
    );
  if (/quote should be followed|unterminated quote/i.test(message))
    return bad("a quote is opened and not closed", 'close it; write a quote inside quotes twice: ""');
  if (/state machine reached an invalid state/.test(message))
    return bad("some lines end in CR LF and others in LF", "end all lines in the same way");
  if (/not utf-8|invalid unicode|Invalid string encoding/i.test(message))
    return bad("the text is not UTF-8", "save the file as UTF-8");
  if (/magic bytes|too small to be a Parquet/i.test(message))
    return badFile(path, "is not a whole Parquet file: its end is missing", "copy or write it again", cause);
  const first = message
    .split("\n")[0]
    .replace(/^[A-Za-z ]*Error: /, "")
    .replaceAll(/ ?in file "[^"]*"/g, "");
  return badFile(path, `cannot be read: ${first.slice(0, 300)}`, "check how it was written", cause);
}
