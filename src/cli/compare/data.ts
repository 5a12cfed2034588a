import type { Beginning } from "../../compare/index.ts";
import {
  fetchedDatasets,
  type ImageOptions,
  type OpenOptions,
  openData,
  readImagePairs,
  readImages,
  readMasks,
  readTokenizer,
  type Source,
  type SplitOptions,
  tableColumns,
  units,
} from "../../data/index.ts";
import { plainName } from "../../data/names.ts";
import { isTablePath } from "../../data/raw.ts";
import { tokenizerOf } from "../../data/text/index.ts";
import { OckhamError } from "../../error.ts";
import type { Dataset } from "../../kinds/index.ts";
import { type CompareFlags, flagOf } from "./flags.ts";
import { sizeOf, wholeOf } from "./numbers.ts";

/** The data set of the default task, and how it is split there: few training images, so that regularization can matter. */
const usual = { data: "digits", train: 400, validation: 400, test: 400 };

const tableFlags = [
  "target",
  "task",
  "test",
  "group",
  "groups",
  "time",
  "drop",
  "keep",
  "categories",
  "missing",
  "edges",
  "id",
  "pairs",
  "sequence",
  "split",
] as const;

/** Images of a size, texts with a tokenizer, and sequences of a length, as a model takes them that is begun with. */
function asTaken({ preprocessing, network }: Pick<Beginning, "preprocessing" | "network">): {
  readonly images?: Pick<ImageOptions, "size" | "channels">;
  readonly texts?: Pick<OpenOptions, "tokenizer" | "tokens">;
  readonly sequences?: Pick<OpenOptions, "tokens">;
} {
  const learned = preprocessing?.kind === "pair" ? preprocessing.of : preprocessing;
  if (learned?.kind === "text")
    return { texts: { tokenizer: tokenizerOf(learned.tokenizer), tokens: learned.tokens } };
  if (learned?.kind === "sequence") return { sequences: { tokens: learned.steps } };
  const shape = learned?.kind === "image" ? learned.shape : network?.shape;
  if (shape?.length !== 3) return {};
  const [channels, height, width] = shape;
  const size = height > 0 && width > 0 ? { size: [height, width] as const } : {};
  return { images: { ...size, ...(isChannels(channels) && { channels }) } };
}

const isChannels = (n: number): n is 1 | 3 => n === 1 || n === 3;

/**
 * The data that were asked for; where a model is begun with, as that takes them. Throws what reading objects
 * to, in terms of the command line.
 */
export async function sourceOf(
  flags: CompareFlags,
  signal: AbortSignal,
  from: Pick<Beginning, "preprocessing" | "network"> = {},
): Promise<Source> {
  const task = taskOf(flags.task);
  const { images, texts, sequences } = asTaken(from);
  if (flags.images !== undefined && flags.masks !== undefined)
    return readMasks(flags.images, flags.masks, images);
  const labels = {
    ...images,
    ...(flags.target !== undefined && { target: flags.target }),
    ...(task !== undefined && { task }),
  };
  if (flags.images !== undefined && typeof flags.pairs === "string") {
    const { group, groups: domain, time, split } = flags;
    return readImagePairs(flags.images, flags.pairs, { ...labels, group, domain, time, split });
  }
  if (flags.images !== undefined) return readImages(flags.images, labels);
  const data = flags.data ?? usual.data;
  const text = textOf(flags, data);
  if (flags.sequence === true && isTablePath(data))
    throw new OckhamError(
      "bad-option",
      "--sequence",
      `${data} is a table: say which column tells of which sequence a row is a step`,
      "write --sequence COLUMN",
    );
  const {
    target,
    test,
    group,
    groups: domain,
    time,
    drop,
    keep,
    categories,
    missing,
    edges,
    id,
    split,
  } = flags;
  const options: OpenOptions = {
    ...{ target, test, group, domain, time, drop, keep, categories, missing, edges, id, split, task, signal },
    ...(flags.pairs === true && { pairs: true }),
    ...(flags.sequence !== undefined && { sequence: flags.sequence }),
    ...text,
    ...(text.text !== undefined && texts),
    ...(typeof flags.sequence === "string" && sequences),
    ...(await textOptionsOf(flags)),
  };
  try {
    return await openData(data, given(options, data));
  } catch (error) {
    throw await onCommandLine(error, data, flags);
  }
}

/** The other data set of a noise study, by name or path; texts where the data are texts. */
export async function outsideOf(
  { outside, text, target }: CompareFlags,
  signal: AbortSignal,
): Promise<Source | undefined> {
  if (outside === undefined) return undefined;
  if (fetchedDatasets().some(({ name }) => name === outside)) return openData(outside, { signal });
  if (text === undefined) return openData(outside);
  // a table has the columns of the other one
  return openData(outside, isTablePath(outside) ? { text, target } : { text: true });
}

/** Which column, or that the files are plain text. Throws `bad-option` for a table without a column. */
function textOf({ text }: CompareFlags, data: string): Pick<OpenOptions, "text"> {
  if (text === undefined) return {};
  const table = isTablePath(data) && !plainName(data).endsWith(".txt");
  if (text === true && table)
    throw new OckhamError(
      "bad-option",
      "--text",
      `${data} is a table: say which column holds the texts`,
      "write --text COLUMN",
    );
  if (typeof text === "string" && !table)
    throw new OckhamError(
      "bad-option",
      "--text",
      `${data} is no table, so it has no column ${text}`,
      "write --text alone, after the data",
    );
  return { text };
}

async function textOptionsOf({
  tokenizer,
  tokens,
  vocabulary,
}: CompareFlags): Promise<Pick<OpenOptions, "tokenizer" | "tokens" | "vocabulary">> {
  const named = units.find((one) => one === tokenizer);
  return {
    ...(tokenizer !== undefined && { tokenizer: named ?? (await readTokenizer(tokenizer)) }),
    ...(tokens !== undefined && { tokens: wholeOf("--tokens", tokens) }),
    ...(vocabulary !== undefined && { vocabulary: wholeOf("--vocabulary", vocabulary) }),
  };
}

/** Leaves out what was not said; only data that are fetched have a use for the signal. */
function given(options: OpenOptions, data: string): OpenOptions {
  const fetched = fetchedDatasets().some(({ name }) => name === data);
  const said = Object.entries(options).filter(
    ([name, value]) => value !== undefined && (name !== "signal" || fetched),
  );
  return Object.fromEntries(said);
}

function taskOf(text: string | undefined): "classification" | "regression" | undefined {
  if (text === undefined || text === "classification" || text === "regression") return text;
  throw new OckhamError(
    "bad-option",
    "--task",
    `--task is "${text}", but must be classification or regression`,
    "leave it out to let the target column decide",
  );
}

/** What the data room says about its options, said about flags. */
async function onCommandLine(error: unknown, data: string, flags: CompareFlags): Promise<unknown> {
  if (!(error instanceof OckhamError)) return error;
  const { code, culprit, message, hint } = error;
  if (code !== "bad-option") {
    const said = hint.replace(/ \((missing|categories|drop|keep|target|group|time|split|id)\)/g, " (--$1)");
    return new OckhamError(code, culprit, message, said, error);
  }
  if (culprit === "text" || culprit === "tokenizer" || culprit === "tokens" || culprit === "vocabulary")
    return new OckhamError(
      code,
      flagOf(culprit),
      message,
      "add --text: the data are not read as texts",
      error,
    );
  const flag = tableFlags.find((name) => name === (culprit === "domain" ? "groups" : culprit));
  if (flag === undefined) return error;
  if (flag === "target" && flags.target === undefined) {
    const columns = (await tableColumns(data)).map((name) => JSON.stringify(name));
    const shown = columns.length > 20 ? [...columns.slice(0, 20), "..."] : columns;
    return new OckhamError(
      "bad-option",
      "--target",
      `${data}: say which column to predict`,
      `add --target with one of ${shown.join(", ")}`,
      error,
    );
  }
  if (flags[flag] === undefined) return error;
  return new OckhamError(
    "bad-option",
    flagOf(flag),
    `${data} has no use for ${flagOf(flag)}`,
    `leave ${flagOf(flag)} out: it is for tables`,
    error,
  );
}

/** How the data are split, as far as it was said. */
export function splitOf(flags: CompareFlags): SplitOptions {
  const size = (name: "trainSize" | "validationSize" | "testSize") => {
    const text = flags[name];
    return text === undefined ? undefined : sizeOf(flagOf(name), text);
  };
  const [train, validation, test] = [size("trainSize"), size("validationSize"), size("testSize")];
  const standard =
    (flags.data ?? usual.data) === usual.data &&
    flags.images === undefined &&
    [train, validation, test].every((one) => one === undefined);
  if (standard) return { train: usual.train, validation: usual.validation, test: usual.test };
  return {
    ...(train !== undefined && { train }),
    ...(validation !== undefined && { validation }),
    ...(test !== undefined && { test }),
  };
}

/** Windows of a long text that are used where nobody says how many: language models learn slowly. */
const usualWindows = { train: 2000, validation: 400, test: 400 };

/** How a source is split where nobody says so. */
export function usualSplit(source: Source, split: SplitOptions): SplitOptions {
  const { train, validation, test } = usualWindows;
  const told = Object.keys(split).length > 0;
  return source.task !== "tokens" || told || source.size <= train + validation + test ? split : usualWindows;
}

/** One row, as models see it. */
export function sampleOf(source: Source): Dataset {
  const all = Int32Array.from({ length: source.size }, (_, row) => row);
  return source.encode(source.fit(all), all.slice(0, 1));
}
