import { sides } from "../data/pairs.ts";
import type { Column, Preprocessing } from "../kinds/index.ts";
import { distinctNames, type ValueInfo } from "../onnx/index.ts";
import type { Plan } from "../training/index.ts";

type Shape = Plan["shape"];

/** What an exported file takes and gives, under names that differ from each other and from all values inside the graph. */
export function ports(
  preprocessing: Preprocessing,
  shape: Shape,
): { readonly inputs: ValueInfo[]; readonly outputs: ValueInfo[] } {
  const inputs = inputPorts(preprocessing, shape.inputs);
  const outputs = outputPorts(preprocessing, shape);
  const names = distinctNames([...inputs, ...outputs].map((info) => info.name));
  const named = (infos: ValueInfo[], from: number) =>
    infos.map((info, i) => ({ ...info, name: names[from + i] }));
  return { inputs: named(inputs, 0), outputs: named(outputs, inputs.length) };
}

/** `inputs` are those of the model, of one example. */
function inputPorts(preprocessing: Preprocessing, inputs: Shape["inputs"]): ValueInfo[] {
  switch (preprocessing.kind) {
    case "table":
      return preprocessing.columns.map((column) => columnPort(column, 1));
    case "image":
      return [{ name: "image", dtype: "float32", shape: ["n", ...preprocessing.shape] }];
    case "sequence": {
      const { of, steps } = preprocessing;
      const mask = inputs.mask === undefined ? [] : [portOf("mask", inputs.mask.dtype, [steps])];
      return [...of.columns.map((column) => columnPort(column, steps)), ...mask];
    }
    case "pair": {
      const single = Object.fromEntries(
        Object.entries(inputs).map(([name, { dtype, shape }]) => [name, { dtype, shape: shape.slice(1) }]),
      );
      const things = inputPorts(preprocessing.of, single);
      return sides.flatMap((side) => things.map((port) => ({ ...port, name: `${side}_${port.name}` })));
    }
    case "text":
    case "graph":
      return Object.entries(inputs).map(([name, { dtype, shape }]) => portOf(name, dtype, shape));
  }
}

const portOf = (name: string, dtype: ValueInfo["dtype"], shape: readonly number[]): ValueInfo => ({
  name,
  dtype,
  shape: ["n", ...shape],
});

const columnPort = ({ name, kind }: Column, steps: number): ValueInfo =>
  portOf(name, kind === "number" ? "float32" : "string", [steps]);

function outputPorts(preprocessing: Preprocessing, { task }: Shape): ValueInfo[] {
  const { classes, targetScale } = preprocessing;
  if (task === "classification")
    return [portOf("probabilities", "float32", [classes.length]), portOf("label", "string", [])];
  if (task === "segmentation" && preprocessing.kind === "image") {
    const size = preprocessing.shape.slice(1);
    return [portOf("probabilities", "float32", [...size, classes.length]), portOf("mask", "int32", size)];
  }
  if (task === "tokens" && preprocessing.kind === "text") {
    const { tokens, vocabulary } = preprocessing;
    return [portOf("probabilities", "float32", [tokens, vocabulary])];
  }
  return [portOf("value", "float32", [targetScale.length])];
}
