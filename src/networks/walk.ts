import type { NdArray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { ApplyOptions } from "../kinds/index.ts";
import type { ReadGraph, ReadNode } from "../onnx/index.ts";
import { constant, type Tensor, transpose } from "../tensor/index.ts";
import { operators } from "./operators.ts";
import { arrayValue, isKnown, type Part, type Value } from "./use.ts";

/** An array of the file that training changes. */
export interface Found {
  readonly part: Part;
  readonly array: NdArray;
  /** The node that first reads it. */
  readonly at: number;
}

/** What a walk through the nodes is given. */
export interface Walk extends Pick<ApplyOptions, "layer" | "from"> {
  readonly mode: "train" | "eval";
  readonly needed: readonly number[];
  weight(name: string, part: Part, at: number): Tensor | undefined;
  keep(name: string, value: Tensor): void;
}

/** A file made ready to be walked. */
export interface Ready {
  readonly path: string;
  readonly nodes: readonly ReadNode[];
  readonly arrays: Readonly<Record<string, NdArray>>;
  readonly input: string;
  readonly rows?: number;
  readonly result: string;
}

/** Constants and copies of arrays become arrays of their own; what only makes probabilities of scores is left out. */
export function readyOf({ nodes, arrays, inputs, outputs }: ReadGraph, path: string): Ready {
  if (inputs.length !== 1 || inputs[0].dtype !== "float32")
    throw refused(path, "it does not take one array of float32");
  const held: Record<string, NdArray> = { ...arrays };
  const kept = nodes.filter(({ op, inputs: [first], outputs: [made], attributes }) => {
    const array = op === "Identity" ? held[first] : op === "Constant" ? attributes.value?.tensor : undefined;
    if (array === undefined) return true;
    held[made] = array;
    return false;
  });
  const last = kept.find((node) => node.outputs.includes(outputs[0]?.name));
  if (last === undefined) throw refused(path, "it has no output that a node makes");
  const [rows] = inputs[0].shape ?? [];
  return {
    path,
    nodes: kept,
    arrays: held,
    input: inputs[0].name,
    ...(typeof rows === "number" ? { rows } : {}),
    result: /^(Log)?Softmax$/.test(last.op) ? last.inputs[0] : outputs[0].name,
  };
}

export const refused = (path: string, problem: string): OckhamError =>
  new OckhamError(
    "conflict",
    path,
    `${path} cannot be trained further: ${problem}`,
    `a network may consist of ${Object.keys(operators).join(", ")}`,
  );

/** The nodes that a value is made by, in order, up to another value; none where the graph's input is reached beside that. */
export function neededFor({ nodes, input }: Ready, value: string, from: string | undefined): number[] {
  const maker = new Map(nodes.flatMap(({ outputs }, i) => outputs.map((name) => [name, i] as const)));
  const needed = new Set<number>();
  const open = [value];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === from) continue;
    if (name === input && from !== undefined) return [];
    const at = maker.get(name);
    if (at === undefined || needed.has(at)) continue;
    needed.add(at);
    open.push(...nodes[at].inputs);
  }
  return [...needed].sort((a, b) => a - b);
}

export function discovered(
  { arrays, path }: Ready,
  found: Map<string, Found>,
  name: string,
  part: Part,
  at: number,
): Tensor | undefined {
  const array = arrays[name];
  // single numbers are part of what a network computes, such as the 0.5 of a gelu
  if (array === undefined || (array.shape.length === 0 && part.role === "bias")) return undefined;
  if (isKnown(arrayValue(array))) return undefined;
  if (array.dtype !== "float32") throw refused(path, `its weights "${name}" are ${array.dtype}, not float32`);
  const known = found.get(name);
  if (known !== undefined && known.part.turned !== part.turned)
    throw refused(path, `"${name}" is used both as it is and transposed`);
  const own = part.turned ? turned(array as NdArray<"float32">) : array;
  found.set(name, known ?? { part, array: own, at });
  return constant(own);
}

function turned({ shape: [rows, columns], data }: NdArray<"float32">): NdArray {
  const result = new Float32Array(data.length);
  data.forEach((value, i) => {
    result[(i % columns) * rows + Math.floor(i / columns)] = value;
  });
  return { dtype: "float32", shape: [columns, rows], data: result };
}

/** Runs the nodes that are needed. */
export function walk(
  { path, nodes, arrays, input, rows, result }: Ready,
  x: Tensor | undefined,
  by: Walk,
): Tensor {
  const values = new Map<string, Value>(Object.entries(arrays).map(([name, a]) => [name, arrayValue(a)]));
  if (x !== undefined) values.set(input, x);
  if (by.from !== undefined) values.set(by.from.name, by.from.value);
  for (const at of by.needed) {
    const node = nodes[at];
    const refuse = (problem: string) => refused(path, `${node.op} ${JSON.stringify(node.name)}: ${problem}`);
    const operator = node.domain === "" ? operators[node.op] : undefined;
    if (operator === undefined)
      throw refused(path, `it has the operator ${[node.domain, node.op].filter(Boolean).join(".")}`);
    const made = operator({
      node,
      values: node.inputs.map((name) => values.get(name)),
      mode: by.mode,
      ...(rows === undefined ? {} : { rows }),
      weight: (i, part) => by.weight(node.inputs[i], part, at),
      keep: (i, value) => by.keep(node.inputs[i], value),
      refuse,
    });
    const [name] = node.outputs;
    values.set(name, by.layer === undefined || isKnown(made) ? made : by.layer(made, name));
  }
  const y = values.get(result);
  if (y === undefined || isKnown(y)) throw refused(path, "its output does not follow from its input");
  if (y.shape.length === 4) return transpose(y, [0, 2, 3, 1]);
  if (y.shape.length !== 2) throw refused(path, `its output is [${y.shape}], neither classes nor masks`);
  return y;
}
