import { createHash } from "node:crypto";
import { basename } from "node:path";
import { type NdArray, sameShape } from "../array/ndarray.ts";
import { readNpz } from "../array/npz.ts";
import { readBytes } from "../data/files.ts";
import type { Source } from "../data/index.ts";
import { OckhamError } from "../error.ts";
import { type Column, hasClasses, type Model, type Preprocessing } from "../kinds/index.ts";
import { type Network, networkAgain, networkOf } from "../networks/index.ts";
import { begunWith, siamese } from "../nn/index.ts";
import { readGraph, readInitializers } from "../onnx/index.ts";
import { readCheckpoint } from "../training/checkpoint.ts";
import { under } from "../training/values.ts";
import { type ModelOf, type Shelf, shelf } from "./candidates.ts";
import { heldWeights, isExported, readExported } from "./exported.ts";
import type { CompareRequest } from "./setting.ts";

/** A model that was trained before, for others to begin with. */
export interface Beginning {
  readonly path: string;
  /** Changes when the file does. */
  readonly fingerprint: string;
  /** Weights by `Leaf.path`. */
  readonly weights: Readonly<Record<string, NdArray>>;
  /** Of an exported model: its network, such as "mlp(128-64)", and how its inputs were encoded; else the file's name. */
  readonly model?: string;
  readonly preprocessing?: Preprocessing;
  /** Of an ONNX file of other making, or what was trained of one further: what it consists of. */
  readonly network?: Network;
}

/**
 * The weights of a file: an ONNX file that `exportModel` wrote, or one of other making, which brings its network along; a
 * checkpoint of one run that `train` wrote, or an NPZ file with an array a parameter, by `Leaf.path`. Throws `bad-file`,
 * naming `path`, for what is none of these or not whole, `conflict` for a checkpoint of several runs and for a network
 * with operators that cannot be trained here.
 */
export async function readBeginning(path: string): Promise<Beginning> {
  const bytes = await readBytes(path);
  const fingerprint = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  const zipped = bytes[0] === 0x50 && bytes[1] === 0x4b;
  if (zipped) return { path, fingerprint, weights: weightsOfNpz(bytes, path) };
  if (!isExported(bytes, path)) {
    const network = networkOf(readGraph(bytes, path), path, basename(path));
    return { path, fingerprint, weights: network.weights, model: basename(path), network };
  }
  const { model, preprocessing, architecture } = readExported(bytes, path);
  const held = { path, fingerprint, weights: heldWeights(readInitializers(bytes, path)), preprocessing };
  if (architecture === undefined) return { ...held, model };
  const network = networkAgain(architecture, held.weights, path);
  return { ...held, model: network.name, network };
}

function weightsOfNpz(bytes: Uint8Array, path: string): Record<string, NdArray> {
  const checkpoint = readCheckpoint(bytes, path);
  if (checkpoint === undefined) return readNpz(bytes, path);
  if (checkpoint.runs.length > 1)
    throw new OckhamError(
      "conflict",
      path,
      `${path} is a checkpoint of ${checkpoint.runs.length} runs that were trained together`,
      "give a checkpoint of one run, or export one of them",
    );
  const ended = under("ended/0/params/", checkpoint.arrays);
  return Object.keys(ended).length > 0 ? ended : under("params/", checkpoint.arrays);
}

/**
 * Models that begin with what a file holds, on these data: with a new head where the classes are others. A model of pairs
 * begins with one of pairs, or looks at both sides with what the file learned of single things.
 */
export function beginningModel(
  of: ModelOf,
  { path, weights, preprocessing }: Beginning,
  data: Source,
): ModelOf {
  const newHead =
    preprocessing !== undefined &&
    hasClasses(data.task) &&
    preprocessing.classes.join("\n") !== data.classes.join("\n");
  const begun = (model: Model) => begunWith(model, weights, { from: path, newHead });
  const holds = ({ leaves }: Model) =>
    leaves.every(
      (leaf) => weights[leaf.path] !== undefined && sameShape(weights[leaf.path].shape, leaf.shape),
    );
  return (shape, outputs, about) => {
    const model = of(shape, outputs, about);
    if (!about?.paired) return begun(model);
    const pair = siamese(model, outputs);
    const ofPairs = preprocessing === undefined ? holds(pair) : preprocessing.kind === "pair";
    return ofPairs ? begun(pair) : siamese(begun(model), outputs);
  };
}

/**
 * Data as an exported model takes them: columns, scales and tokens are those that it learned, and only what is to be
 * predicted is learned anew. As they are where a file says nothing about it.
 *
 * Its `fit` throws `conflict` for data of another kind, images of another size, texts of other lengths and longer
 * sequences, its `encode` for columns that are missing. Pairs are of the kind of their things, too.
 */
export function asBegun(source: Source, begin: Beginning | undefined): Source {
  const learned = begin?.preprocessing;
  if (begin === undefined || learned === undefined) return source;
  const told = `Inputs are encoded as ${basename(begin.path)} takes them.`;
  return {
    ...source,
    notes: [...source.notes, told],
    fit(train) {
      const own = source.fit(train);
      const taken = own.kind === "pair" && learned.kind !== "pair" ? { ...own, of: learned } : learned;
      if (!fits(own, taken))
        throw new OckhamError(
          "conflict",
          source.name,
          `an example of ${source.name} is ${inWords(own)}, and ${begin.path} takes ${inWords(learned)}`,
          "choose data of the kind and size that the model was trained on",
        );
      return renewed(taken, own);
    },
  };
}

/** What was learned before, for data with columns and a target of their own. */
function renewed(learned: Preprocessing, own: Preprocessing): Preprocessing {
  const { target, classes, targetScale } = own;
  const kept = { ...learned, target, classes, targetScale };
  if (kept.kind === "pair" && own.kind === "pair") return { ...kept, of: renewed(kept.of, own.of) };
  if (kept.kind === "text" && own.kind === "text") return { ...kept, column: own.column };
  if (kept.kind === "sequence" && own.kind === "sequence")
    return { ...kept, column: own.column, time: own.time, cut: kept.cut || own.cut };
  return kept;
}

/** What one example is, in words. */
function inWords(pre: Preprocessing): string {
  switch (pre.kind) {
    case "table":
      return `a row of the columns ${pre.columns.map(({ name }: Column) => name).join(", ")}`;
    case "image":
      return `an image of [${pre.shape}]`;
    case "text":
      return `a text of ${pre.tokens} tokens`;
    case "sequence":
      return `a sequence of up to ${pre.steps} steps`;
    case "graph":
      return `one of ${pre.nodes.length} nodes of a graph`;
    case "pair":
      return `a pair, of which each is ${inWords(pre.of)}`;
  }
}

/** Whether examples are of the kind and size that were learned. */
function fits(own: Preprocessing, learned: Preprocessing): boolean {
  if (own.kind === "pair" && learned.kind === "pair") return fits(own.of, learned.of);
  if (own.kind === "image" && learned.kind === "image") return own.shape.join() === learned.shape.join();
  if (own.kind === "text" && learned.kind === "text") return own.tokens === learned.tokens;
  if (own.kind === "sequence" && learned.kind === "sequence") return own.steps <= learned.steps;
  return own.kind === learned.kind;
}

/** The members of a request, its own in front, with models that begin as it says, and the network of a file by its name. */
export function membersOf({
  own,
  models,
  from,
  data,
}: Pick<CompareRequest, "own" | "models" | "from" | "data">): Shelf {
  if (from === undefined) return shelf(own, models);
  const { network, model = "", path } = from;
  const read: ModelOf = (shape, outputs, about) => {
    const numbers = about?.vocabulary === undefined && about?.graph === undefined && !about?.masked;
    if (numbers && network !== undefined) return network.model(shape, outputs);
    throw new OckhamError(
      "conflict",
      path,
      `${path} takes numbers, and these are ${about?.vocabulary === undefined ? "of another kind" : "texts"}`,
      "choose other data",
    );
  };
  const known = network === undefined ? models : { ...models, [model]: read };
  return shelf(own, known, (of) => beginningModel(of, from, data));
}

/** The data of a request, encoded as the model that it begins with takes them. */
export const dataOf = ({ data, from }: CompareRequest): Source => asBegun(data, from);
