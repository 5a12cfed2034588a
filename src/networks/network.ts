import type { NdArray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { Leaf, Model, Params } from "../kinds/index.ts";
import { heNormal, lecunNormal } from "../nn/index.ts";
import type { ReadGraph } from "../onnx/index.ts";
import { fill, fold, type Tensor } from "../tensor/index.ts";
import { type Architecture, architectureText, readArchitecture } from "./architecture.ts";
import { activations } from "./operators.ts";
import { discovered, type Found, neededFor, type Ready, readyOf, refused, walk } from "./walk.ts";

/** A network that was read from an ONNX file of other making. */
export interface Network {
  readonly name: string;
  /** The model for examples of a shape, beginning at random. Throws `conflict` for a shape that the file does not take. */
  model(shape: readonly number[], outputs: number): Model;
  /** What the file holds for it, by `Leaf.path`, as our models keep it. */
  readonly weights: Readonly<Record<string, NdArray>>;
  /** Shape of one example as the file declares it; -1 stands for any size. */
  readonly shape: readonly number[];
}

/** The network of a graph. Throws `conflict`, naming `path`, for one that training does not understand, and says why. */
export function networkOf(graph: ReadGraph, path: string, name: string): Network {
  const ready = readyOf(graph, path);
  const [{ shape: declared = [] }] = graph.inputs;
  const shape = declared.slice(1).map((n) => (typeof n === "number" ? n : -1));
  return networkFrom(ready, { name, shape });
}

/** The network that a model of one says it is (`Model.architecture`), with such weights. Throws `bad-file`, naming `path`. */
export function networkAgain(architecture: string, weights: Network["weights"], path: string): Network {
  const { name, shape, ...rest } = readArchitecture(architecture, path);
  return { ...networkFrom({ ...rest, path }, { name, shape }), weights };
}

function networkFrom(ready: Ready, about: Pick<Architecture, "name" | "shape">): Network {
  const { shape } = about;
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
  const architecture = architectureText(ready, whole, found, about);
  return {
    ...about,
    weights,
    model: (given, outputs) => ({ ...modelOf(ready, found, about, given, outputs), architecture }),
  };
}

function modelOf(
  ready: Ready,
  found: ReadonlyMap<string, Found>,
  { name, shape: declared }: Pick<Architecture, "name" | "shape">,
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
