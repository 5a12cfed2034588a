import type { NdArray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { ApplyOptions, Leaf, Model, Params } from "../kinds/index.ts";
import { heNormal, lecunNormal } from "../nn/index.ts";
import type { ReadGraph, ReadNode } from "../onnx/index.ts";
import { constant, fill, fold, type Tensor, transpose } from "../tensor/index.ts";
import { activations, arrayValue, isKnown, operators, type Part, type Value } from "./operators.ts";

/** A network that was read from an ONNX file of other making. */
export interface Network {
  /** The model for examples of a shape, beginning at random. Throws `conflict` for a shape that the file does not take. */
  model(shape: readonly number[], outputs: number): Model;
  /** What the file holds for it, by `Leaf.path`, as our models keep it. */
  readonly weights: Readonly<Record<string, NdArray>>;
  /** Shape of one example as the file declares it; -1 stands for any size. */
  readonly shape: readonly number[];
}

/** An array of the file that training changes. */
interface Found {
  readonly part: Part;
  readonly array: NdArray;
  /** The node that first reads it. */
  readonly at: number;
}

/** What a walk through the nodes is given. */
interface Walk extends Pick<ApplyOptions, "layer" | "from"> {
  readonly mode: "train" | "eval";
  readonly needed: readonly number[];
  weight(name: string, part: Part, at: number): Tensor | undefined;
  keep(name: string, value: Tensor): void;
}

/** A file made ready to be walked. */
interface Ready {
  readonly path: string;
  readonly nodes: readonly ReadNode[];
  readonly arrays: Readonly<Record<string, NdArray>>;
  readonly input: string;
  readonly rows?: number;
  readonly result: string;
}

/** The network of a graph. Throws `conflict`, naming `path`, for one that training does not understand, and says why. */
export function networkOf(graph: ReadGraph, path: string, name: string): Network {
  const ready = readyOf(graph, path);
  const [{ shape: declared = [] }] = graph.inputs;
  const shape = declared.slice(1).map((n) => (typeof n === "number" ? n : -1));
  const found = new Map<string, Found>();
  // open sizes are taken as small ones, only to see which arrays there are
  const whole = neededFor(ready, ready.result, undefined);
  walk(ready, fill([2, ...shape.map((n) => (n < 0 ? 32 : n))], 0), {
    mode: "eval",
    needed: whole,
    weight: (array, part, at) => discovered(ready, found, array, part, at),
    keep: () => undefined,
  });
  const weights = Object.fromEntries([...found].map(([one, { array }]) => [one, array]));
  return { shape, weights, model: (given, outputs) => modelOf(ready, found, name, shape, given, outputs) };
}

/** Constants and copies of arrays become arrays of their own; what only makes probabilities of scores is left out. */
function readyOf({ nodes, arrays, inputs, outputs }: ReadGraph, path: string): Ready {
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

const refused = (path: string, problem: string): OckhamError =>
  new OckhamError(
    "conflict",
    path,
    `${path} cannot be trained further: ${problem}`,
    `a network may consist of ${Object.keys(operators).join(", ")}`,
  );

/** The nodes that a value is made by, in order, up to another value; throws where the input of the graph is reached beside it. */
function neededFor({ nodes, input }: Ready, value: string, from: string | undefined): number[] {
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

function discovered(
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
function walk({ path, nodes, arrays, input, rows, result }: Ready, x: Tensor | undefined, by: Walk): Tensor {
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

function modelOf(
  ready: Ready,
  found: ReadonlyMap<string, Found>,
  name: string,
  declared: readonly number[],
  shape: readonly number[],
  outputs: number,
): Model {
  if (shape.length !== declared.length || declared.some((n, axis) => n >= 0 && n !== shape[axis]))
    throw new OckhamError(
      "conflict",
      ready.path,
      `${ready.path} takes [${declared.map((n) => (n < 0 ? "any" : n))}], and an example of the data is [${shape}]`,
      "choose data of that shape",
    );
  const leaves = leavesOf(ready, found, outputs);
  const whole = neededFor(ready, ready.result, undefined);
  const rest = new Map(
    placesOf(ready, whole, leaves).map((place) => [place, neededFor(ready, ready.result, place)] as const),
  );
  const apply: Model["apply"] = (weights, inputs, { mode = "eval", from, layer = (x: Tensor) => x } = {}) => {
    const buffers: Record<string, Tensor> = {};
    const activated: Record<string, Tensor> = {};
    const needed = from === undefined ? whole : rest.get(from.name);
    if (needed === undefined)
      throw new OckhamError(
        "unknown-name",
        from?.name ?? "",
        `the model has no activation "${from?.name}"`,
        `it has ${[...rest.keys()].join(", ")}`,
      );
    const prediction = walk(ready, from === undefined ? inputs.x : undefined, {
      mode,
      needed,
      ...(from && { from }),
      weight: (one) => weights[one],
      keep: (one, value) => {
        buffers[one] = value;
      },
      layer: (x, place) => {
        if (!rest.has(place)) return x;
        activated[place] = layer(x, place);
        return activated[place];
      },
    });
    return { prediction, activations: activated, buffers };
  };
  const model: Model = {
    name,
    leaves,
    places: [...rest.keys()],
    inputs: { x: shape },
    outputs,
    init: (key) => initial(leaves, found, key),
    apply,
  };
  const { prediction } = apply(model.init({ tensor: fill([2], 0, "uint32") }), { x: fill([2, ...shape], 0) });
  const last = prediction.shape[prediction.shape.length - 1];
  if (last !== outputs) throw refused(ready.path, `its last layer makes ${last} numbers, not ${outputs}`);
  return model;
}

/** The arrays as leaves; those of the last layer have as many outputs as are asked for. */
function leavesOf({ nodes }: Ready, found: ReadonlyMap<string, Found>, outputs: number): Leaf[] {
  const kernels = [...found.values()].filter(({ part }) => part.role === "kernel");
  const last = Math.max(-1, ...kernels.map(({ at }) => at));
  return [...found].map(([path, { part, array, at }]): Leaf => {
    const dot = path.lastIndexOf(".");
    const head = at >= last && last >= 0;
    return {
      path,
      layer: dot > 0 ? path.slice(0, dot) : nodes[at].name,
      role: part.role,
      outAxis: part.outAxis ?? (head ? 0 : null),
      shape: head ? [outputs, ...array.shape.slice(1)] : array.shape,
      ...(head ? { head } : {}),
    };
  });
}

/** Results of activations through which everything goes, and what the last layer reads. */
function placesOf(ready: Ready, whole: readonly number[], leaves: readonly Leaf[]): string[] {
  const heads = new Set(leaves.flatMap(({ head, path }) => (head ? [path] : [])));
  const reader = ready.nodes.find(({ inputs }) => inputs.some((name) => heads.has(name)));
  return whole.flatMap((at) => {
    const { op, outputs } = ready.nodes[at];
    const [place] = outputs;
    if (!activations.has(op) && !reader?.inputs.includes(place)) return [];
    return place !== ready.result && neededFor(ready, ready.result, place).length > 0 ? [place] : [];
  });
}

function initial(
  leaves: readonly Leaf[],
  found: ReadonlyMap<string, Found>,
  key: Parameters<Model["init"]>[0],
): Params {
  return Object.fromEntries(
    leaves.map(({ path, role, shape, head }) => {
      if (role !== "kernel") return [path, fill(shape, found.get(path)?.part.start ?? 0)];
      return [path, (head ? lecunNormal : heNormal)(fold(key, path), shape)];
    }),
  );
}
