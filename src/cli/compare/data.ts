import {
  fetchedDatasets,
  type OpenOptions,
  openData,
  readImages,
  readMasks,
  type Source,
  type SplitOptions,
  tableColumns,
} from "../../data/index.ts";
import { OckhamError } from "../../error.ts";
import { type CompareFlags, flagOf } from "./flags.ts";
import { sizeOf } from "./numbers.ts";

/** The data set of the default task, and how it is split there: few training images, so that regularization can matter. */
const usual = { data: "digits", train: 400, validation: 400, test: 400 };

const tableFlags = [
  "target",
  "task",
  "test",
  "group",
  "time",
  "drop",
  "keep",
  "categories",
  "missing",
] as const;

/** The data that were asked for. Throws what reading objects to, in terms of the command line. */
export async function sourceOf(flags: CompareFlags, signal: AbortSignal): Promise<Source> {
  const task = taskOf(flags.task);
  if (flags.images !== undefined && flags.masks !== undefined) return readMasks(flags.images, flags.masks);
  if (flags.images !== undefined)
    return readImages(flags.images, {
      ...(flags.target !== undefined && { target: flags.target }),
      ...(task !== undefined && { task }),
    });
  const data = flags.data ?? usual.data;
  const { target, test, group, time, drop, keep, categories, missing } = flags;
  const options: OpenOptions = { target, test, group, time, drop, keep, categories, missing, task, signal };
  try {
    return await openData(data, given(options, data));
  } catch (error) {
    throw await onCommandLine(error, data, flags);
  }
}

/** The other data set of a noise study, by name or path. */
export async function outsideOf({ outside }: CompareFlags, signal: AbortSignal): Promise<Source | undefined> {
  if (outside === undefined) return undefined;
  const fetched = fetchedDatasets().some(({ name }) => name === outside);
  return openData(outside, fetched ? { signal } : {});
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
    const said = hint.replace(/ \((missing|categories|drop|keep|target|group|time)\)/g, " (--$1)");
    return new OckhamError(code, culprit, message, said, error);
  }
  const flag = tableFlags.find((name) => name === culprit);
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

/** The shape of one row, as models see it. */
export function shapeOf(source: Source): readonly number[] {
  const all = Int32Array.from({ length: source.size }, (_, row) => row);
  return source.encode(source.fit(all), all.slice(0, 1)).inputs.x.shape.slice(1);
}
