import { OckhamError } from "../error.ts";
import { badFile } from "./names.ts";

/** The first line of a delimited text file. */
export interface Header {
  readonly delimiter: string;
  readonly names: readonly string[];
  /** Names made up for columns whose header is empty. */
  readonly notes: readonly string[];
}

/**
 * The header line of a text, named `path` in errors. The delimiter is a tab for .tsv (`tabbed`), else whichever of
 * comma, semicolon, tab and bar is most frequent outside quotes in the header.
 *
 * Throws `bad-file` for a blank text, `bad-data` for no header line or a name that comes twice.
 */
export function headerOf(text: string, path: string, tabbed: boolean): Header {
  if (text.trim() === "") throw badFile(path, "holds nothing but blank space", "check how it was written");
  const delimiter = tabbed ? "\t" : mostFrequent(text);
  const cells = recordAt(text, 0, delimiter).cells.map((cell) => cell.trim());
  const notes: string[] = [];
  const names = cells.map((cell, i) => {
    if (cell !== "") return cell;
    notes.push(`Column ${i + 1} has no name in the header; it is called "column ${i + 1}".`);
    return `column ${i + 1}`;
  });
  checkNames(names, path);
  return { delimiter, names, notes };
}

function mostFrequent(text: string): string {
  const counts = new Map([",", ";", "\t", "|"].map((delimiter) => [delimiter, 0]));
  let quoted = false;
  for (const char of text) {
    if (char === '"') quoted = !quoted;
    else if (!quoted && (char === "\n" || char === "\r")) break;
    else if (!quoted && counts.has(char)) counts.set(char, counts.get(char)! + 1);
  }
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0];
}

/** One record of a delimited text. */
export interface TextRecord {
  readonly cells: readonly string[];
  /** Where the next one begins. */
  readonly end: number;
  /** Whether a quote is open where the text ends. */
  readonly open: boolean;
}

/** The record that begins at `start`: quotes may hold delimiters, line breaks and doubled quotes. */
export function recordAt(text: string, start: number, delimiter: string): TextRecord {
  const cells = [""];
  let quoted = false;
  let i = start;
  for (; i < text.length; i++) {
    const char = text[i];
    if (char === '"' && quoted && text[i + 1] === '"') {
      cells[cells.length - 1] += '"';
      i++;
    } else if (char === '"') quoted = !quoted;
    else if (quoted) cells[cells.length - 1] += char;
    else if (char === delimiter) cells.push("");
    else if (char === "\n" || char === "\r") break;
    else cells[cells.length - 1] += char;
  }
  return { cells, end: i + (text.startsWith("\r\n", i) ? 2 : 1), open: quoted };
}

const isNumber = (text: string) => text !== "" && Number.isFinite(Number(text));

function checkNames(names: readonly string[], path: string): void {
  const counted = names.every((name, i) => Number(name) === Number(names[0]) + i);
  if (names.length > 1 && names.every(isNumber) && !counted)
    throw new OckhamError(
      "bad-data",
      path,
      `${path} has no header line: its first line holds only numbers (${names.slice(0, 4).join(", ")}, ...)`,
      "put a line with the column names first",
    );
  const twice = names.findIndex((name, i) => names.indexOf(name) < i);
  if (twice >= 0)
    throw new OckhamError(
      "bad-data",
      names[twice],
      `${path}, line 1: the column name ${JSON.stringify(names[twice])} comes twice, as column ${
        names.indexOf(names[twice]) + 1
      } and ${twice + 1}`,
      "give every column its own name",
    );
}
