import type { NdArray } from "../array/ndarray.ts";
import type { Column, Preprocessing, TargetScale } from "../kinds/index.ts";
import { elementTypes } from "../onnx/index.ts";
import type { Emitter } from "../onnx/rules/rule.ts";

/** Where nodes go. */
type Writer = Pick<Emitter, "node" | "literal">;

const vector = <D extends "float32" | "float64">(
  to: Writer,
  dtype: D,
  values: readonly number[],
  shape: number[],
) =>
  to.literal({
    dtype,
    shape,
    data: dtype === "float32" ? Float32Array.from(values) : Float64Array.from(values),
  } as NdArray);

/** A literal of texts. */
export const texts = (to: Writer, values: readonly string[]): string =>
  to.node("Constant", [], { value_strings: { strings: values } });

const cast = (to: Writer, x: string, dtype: "float32" | "float64" | "int32") =>
  to.node("Cast", [x], { to: { int: elementTypes[dtype] } });

const joined = (to: Writer, parts: readonly string[], axis = -1): string =>
  parts.length === 1 ? parts[0] : to.node("Concat", parts, { axis: { int: axis } });

/** With an axis of one at `axis`. */
const expanded = (to: Writer, x: string, axis: number): string =>
  to.node("Unsqueeze", [x, to.literal({ dtype: "int64", shape: [1], data: BigInt64Array.of(BigInt(axis)) })]);

/** Raw inputs, in the order of an exported file, as the model takes them: by the model's own names, which are `names`. */
export function encodeInputs(
  to: Writer,
  preprocessing: Preprocessing,
  inputs: readonly string[],
  names: readonly string[],
): Record<string, string> {
  switch (preprocessing.kind) {
    case "text":
    case "graph":
      return Object.fromEntries(names.map((name, i) => [name, inputs[i]]));
    case "table":
      return { x: encodeTable(to, preprocessing.columns, inputs) };
    case "image": {
      const { mean, spread } = preprocessing;
      const shape = [mean.length, 1, 1];
      const centred = to.node("Sub", [inputs[0], vector(to, "float32", mean, shape)]);
      return { x: to.node("Div", [centred, vector(to, "float32", spread, shape)]) };
    }
    case "sequence": {
      const { columns } = preprocessing.of;
      const steps = inputs.slice(0, columns.length).map((input) => expanded(to, input, -1));
      const [x, mask] = [encodeTable(to, columns, steps), inputs.at(columns.length)];
      return mask === undefined ? { x } : { x: to.node("Mul", [x, expanded(to, mask, -1)]), mask };
    }
    case "pair": {
      const half = inputs.length / 2;
      const [left, right] = [inputs.slice(0, half), inputs.slice(half)].map((own) =>
        encodeInputs(to, preprocessing.of, own, names),
      );
      const twos = Object.entries(left).map(([name, x]) => [
        name,
        joined(
          to,
          [x, right[name]].map((side) => expanded(to, side, 1)),
          1,
        ),
      ]);
      return Object.fromEntries(twos);
    }
  }
}

/** The columns [..., 1] of a table as one array [..., features]. */
function encodeTable(to: Writer, columns: readonly Column[], inputs: readonly string[]): string {
  const parts: string[] = [];
  for (let at = 0; at < columns.length; ) {
    const column = columns[at];
    if (column.kind === "category") {
      parts.push(encodeCategory(to, column.levels, inputs[at++]));
      continue;
    }
    const numbers: (Column & { kind: "number" })[] = [];
    const from = at;
    for (let next = column as Column | undefined; next?.kind === "number"; next = columns[++at])
      numbers.push(next);
    parts.push(encodeNumbers(to, numbers, inputs.slice(from, at)));
  }
  return joined(to, parts);
}

/** (x - mean) / spread, a missing x (NaN) filled first; in float64, since a mean may be large and its spread small. */
function encodeNumbers(
  to: Writer,
  columns: readonly (Column & { kind: "number" })[],
  inputs: readonly string[],
): string {
  const row = (of: (column: Column & { kind: "number" }) => number) =>
    vector(to, "float64", columns.map(of), [columns.length]);
  const raw = cast(to, joined(to, inputs), "float64");
  const filled = to.node("Where", [to.node("IsNaN", [raw]), row(({ fill }) => fill), raw]);
  const centred = to.node("Sub", [filled, row(({ mean }) => mean)]);
  return cast(to, to.node("Div", [centred, row(({ spread }) => spread)]), "float32");
}

/** 1 at the level's place; all 0 for a text that is none of the levels, such as the empty one. */
const encodeCategory = (to: Writer, levels: readonly string[], input: string): string =>
  cast(to, to.node("Equal", [input, texts(to, levels)]), "float32");

/** Scores as probabilities, over the last axis. */
export const probabilitiesOf = (to: Writer, scores: string): string =>
  to.node("Softmax", [scores], { axis: { int: -1 } });

/** The name of the most probable class, [n]. */
export function nameClasses(to: Writer, probabilities: string, classes: readonly string[]): string {
  const place = to.node("ArgMax", [probabilities], { axis: { int: 1 }, keepdims: { int: 0 } });
  return to.node("Gather", [texts(to, classes), place], { axis: { int: 0 } });
}

/** The number of the most probable class, along the last axis. */
export const numberClasses = (to: Writer, probabilities: string): string =>
  cast(to, to.node("ArgMax", [probabilities], { axis: { int: -1 }, keepdims: { int: 0 } }), "int32");

/** Encoded values back in the target's own unit. */
export function decodeValues(to: Writer, values: string, scales: readonly TargetScale[]): string {
  const row = (of: (scale: TargetScale) => number) => vector(to, "float32", scales.map(of), [scales.length]);
  return to.node("Add", [to.node("Mul", [values, row(({ spread }) => spread)]), row(({ mean }) => mean)]);
}
