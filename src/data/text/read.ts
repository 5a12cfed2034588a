import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { OckhamError } from "../../error.ts";
import { counted, listed, rowsOf } from "../cells.ts";
import { listFolder, readText } from "../files.ts";
import { badFile, plainName, stem } from "../names.ts";
import { isTablePath, readRaw } from "../raw.ts";
import { columnOf, textsOf } from "../rawTable.ts";
import type { Source } from "../source.ts";
import { makeTarget } from "../target.ts";
import { passageSource, type TextOptions, textSource } from "./sources.ts";

export interface ReadTextOptions extends TextOptions {
  readonly name?: string;
}

const isText = (name: string): boolean => plainName(name).endsWith(".txt");
const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() ?? false;

/**
 * Texts from plain files: one .txt file (or .gz of one) as a long text to be continued; a folder of .txt files without
 * folders in it as one such text, file after file; `class/*.txt`, or `train/class/*.txt` with `test/class/*.txt`, as
 * texts to be told apart.
 *
 * Throws `bad-file` for what is missing, empty or not UTF-8; `bad-data` for texts that are too few or too short.
 */
export async function readTexts(path: string, options: ReadTextOptions = {}): Promise<Source> {
  const name = options.name ?? (stem(path) || basename(path));
  if (!(await isFolder(path))) {
    if (!isText(path))
      throw badFile(
        path,
        "is no plain text",
        "give a .txt file, a folder of them, or a table with --text COLUMN",
      );
    return passageSource({ name }, await readText(path), options);
  }
  const names = (await listFolder(path)).filter((one) => !one.startsWith("."));
  const folders: string[] = [];
  for (const one of names) if (await isFolder(join(path, one))) folders.push(one);
  if (folders.length > 0) return readClasses(path, folders, { ...options, name });
  const files = names.filter(isText);
  if (files.length === 0)
    throw badFile(path, "holds no .txt files", "put them into one folder a class, or into one folder");
  const texts: string[] = [];
  for (const file of files) texts.push(await readText(join(path, file)));
  return passageSource(
    { name, notes: [`${counted(files.length, "file")}, one after another.`] },
    texts.join("\n"),
    options,
  );
}

interface Labelled {
  readonly file: string;
  readonly label: string;
  readonly test: boolean;
}

const splitNames = /^(train|training|test|testing|val|valid|validation)$/i;

async function readClasses(
  folder: string,
  folders: readonly string[],
  options: ReadTextOptions & { readonly name: string },
): Promise<Source> {
  const asSplits = folders.every((name) => splitNames.test(name));
  const found: Labelled[] = [];
  const ignored: string[] = [];
  for (const part of asSplits ? folders : [""]) {
    const labels = part === "" ? folders : await listFolder(join(folder, part));
    for (const label of labels) {
      const inside = join(folder, part, label);
      if (label.startsWith(".") || !(await isFolder(inside))) continue;
      for (const file of await listFolder(inside))
        if (isText(file)) found.push({ file: join(inside, file), label, test: /^test/i.test(part) });
        else if (!file.startsWith(".")) ignored.push(join(label, file));
    }
  }
  if (found.length === 0)
    throw badFile(folder, "holds no .txt files", "put them into one folder a class, such as spam/1.txt");
  const texts: string[] = [];
  for (const { file } of found) texts.push(await readText(file));
  return labelledTexts(folder, found, texts, ignored, options);
}

function labelledTexts(
  folder: string,
  found: readonly Labelled[],
  texts: readonly string[],
  ignored: readonly string[],
  options: ReadTextOptions & { readonly name: string },
): Source {
  const cells = found.map(({ label }) => label);
  const where = { ...rowsOf(folder), row: (row: number) => found[row].file };
  const made = makeTarget({ kind: "text", name: "class", cells, notes: [] }, "classification", where);
  const test = Int32Array.from(found.keys()).filter((i) => found[i].test);
  if (test.length === found.length)
    throw new OckhamError(
      "bad-data",
      folder,
      `${folder} holds test texts only`,
      "add training texts under train/",
    );
  const notes = [
    ...(test.length > 0 ? [`${test.length} of them came as test texts.`] : []),
    ...made.notes,
    ...(ignored.length > 0
      ? [`${counted(ignored.length, "file")} left out, not .txt: ${listed(ignored)}.`]
      : []),
  ];
  return textSource(
    { name: options.name, target: made.target, notes, ...(test.length > 0 && { test }) },
    texts,
    options,
  );
}

/**
 * Texts as they stand in a .txt file (one text), a folder of .txt files (one each), or a column of a table. Throws
 * `bad-file` for what is none of these, `unknown-name` for a column that is not there, `bad-option` where none is named.
 */
export async function textsFrom(
  path: string,
  column?: string,
): Promise<{ readonly texts: readonly string[]; readonly files?: readonly string[] }> {
  if (await isFolder(path)) {
    const names = (await listFolder(path)).filter(isText);
    if (names.length === 0) throw badFile(path, "holds no .txt files", "give a folder of .txt files");
    const texts: string[] = [];
    for (const name of names) texts.push(await readText(join(path, name)));
    return { texts, files: names };
  }
  if (isText(path) || !isTablePath(path)) return { texts: [await readText(path)], files: [path] };
  if (column === undefined)
    throw new OckhamError(
      "conflict",
      path,
      `${path} is a table, and the model was trained on plain text files`,
      "give a .txt file or a folder of them",
    );
  const cells = textsOf(columnOf(await readRaw(path), column, "the texts"));
  return { texts: cells.map((cell) => cell ?? "") };
}
