import type { NdArray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { Preprocessing } from "../kinds/index.ts";
import { type ModelHead, readHead } from "../onnx/index.ts";
import { under } from "../training/values.ts";

/** What an exported model says of itself, kept as its ONNX metadata. */
export interface Exported {
  readonly name: string;
  /** Of Ockham, which wrote the file. */
  readonly version: string;
  readonly task: "classification" | "regression" | "segmentation" | "tokens";
  /** The network, such as "mlp(128-64)", and the methods it was trained with. */
  readonly model: string;
  readonly methods: readonly string[];
  readonly preprocessing: Preprocessing;
  /** Of a network that came from a file of other making: `Model.architecture`. */
  readonly architecture?: string;
}

/** An exported model with the names of its inputs and outputs, in the order that `exportModel` says. */
export interface ExportedModel extends Exported {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** What a value of the embedded model is called in an exported file: no column's name can meet it. */
export const inside = (value: string): string => `%model/${value}`;

/** The weights among the arrays of an exported file, by `Leaf.path`. */
export const heldWeights = (arrays: Readonly<Record<string, NdArray>>): Record<string, NdArray> =>
  under(inside("params/"), arrays);

const keyOf = (field: keyof Exported) => `ockham.${field}`;

/** As ONNX metadata: texts by key. */
export const metadataOf = (exported: Exported): Record<string, string> => ({
  [keyOf("name")]: exported.name,
  [keyOf("version")]: exported.version,
  [keyOf("task")]: exported.task,
  [keyOf("model")]: exported.model,
  [keyOf("methods")]: JSON.stringify(exported.methods),
  [keyOf("preprocessing")]: JSON.stringify(exported.preprocessing),
  ...(exported.architecture !== undefined && { [keyOf("architecture")]: exported.architecture }),
});

/** Tasks by how many outputs their models have. */
const outputsOf: Readonly<Record<Exported["task"], number>> = {
  classification: 2,
  regression: 1,
  segmentation: 2,
  tokens: 1,
};
const tasks = Object.keys(outputsOf) as Exported["task"][];

/** How many inputs a file for such data may have: a mask is one where examples differ in length. */
function inputsOf(preprocessing: Preprocessing, task: Exported["task"]): number[] {
  switch (preprocessing?.kind) {
    case "table":
      return [preprocessing.columns.length];
    case "text":
      return [task === "tokens" ? 1 : 2];
    case "sequence":
      return [preprocessing.of.columns.length, preprocessing.of.columns.length + 1];
    case "pair":
      return inputsOf(preprocessing.of, task).map((n) => 2 * n);
    default:
      return [1];
  }
}

/** Whether a file says that `exportModel` wrote it. Throws `bad-file` for what is no whole ONNX model. */
export const isExported = (bytes: Uint8Array, path: string): boolean =>
  Object.keys(readHead(bytes, path).metadata).some((key) => key.startsWith("ockham."));

/**
 * What a file that `exportModel` wrote says of itself. Throws `bad-file`, naming `path`, for a file that is cut off, is
 * no ONNX model, or is one of other making.
 */
export function readExported(bytes: Uint8Array, path: string): ExportedModel {
  const { metadata, inputs, outputs }: ModelHead = readHead(bytes, path);
  const missing = (["name", "version", "task", "model", "methods", "preprocessing"] as const).filter(
    (field) => metadata[keyOf(field)] === undefined,
  );
  if (missing.length > 0)
    throw new OckhamError(
      "bad-file",
      path,
      missing.length === 6
        ? `${path} is an ONNX model that Ockham did not export: it does not say how to prepare its inputs`
        : `${path} is not whole: its ${missing.join(" and ")} is missing`,
      "give a file that was written by ockham compare --export",
    );
  const json = (field: "methods" | "preprocessing") => parsed(metadata[keyOf(field)], field, path);
  const preprocessing = json("preprocessing") as Preprocessing;
  const architecture: string | undefined = metadata[keyOf("architecture")];
  const [task] = tasks.filter((t) => t === metadata[keyOf("task")]);
  const sound =
    task !== undefined &&
    inputsOf(preprocessing, task).includes(inputs.length) &&
    outputs.length === outputsOf[task];
  if (!sound) throw damaged(path, "its inputs or outputs are not those it speaks of");
  return {
    name: metadata[keyOf("name")],
    version: metadata[keyOf("version")],
    task,
    model: metadata[keyOf("model")],
    methods: json("methods") as string[],
    preprocessing,
    ...(architecture !== undefined && { architecture }),
    inputs: inputs.map(({ name }) => name),
    outputs: outputs.map(({ name }) => name),
  };
}

function parsed(text: string, field: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw damaged(path, `its ${field} cannot be read`, cause);
  }
}

const damaged = (path: string, problem: string, cause?: unknown) =>
  new OckhamError("bad-file", path, `${path} is damaged: ${problem}`, "copy or export it again", cause);
