import { bits, fold } from "../../array/hash.ts";
import { sizeOf } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import { lineOf, type Node } from "../graph.ts";
import { blank, type EvaluateRule, positions } from "./values.ts";

function row(index: number, count: number, node: Node): number {
  if (index >= 0 && index < count) return index;
  const line = lineOf(node);
  throw new OckhamError(
    "runtime",
    node.op,
    `${node.op}: index ${index} is outside 0 to ${count - 1}${line === undefined ? "" : `, at ${line}`}`,
    "check the indices",
  );
}

export const gather: EvaluateRule<"gather"> = ([x, indices], node) => {
  const result = blank(node);
  const [count, ...rest] = node.inputs[0].shape;
  const width = sizeOf(rest);
  for (let i = 0; i < indices.length; i++) {
    const from = row(indices[i], count, node) * width;
    for (let j = 0; j < width; j++) result[i * width + j] = x[from + j];
  }
  return result;
};

export const scatterAdd: EvaluateRule<"scatterAdd"> = ([indices, values], node) => {
  const result = blank(node);
  const [count, ...rest] = node.shape;
  const width = sizeOf(rest);
  for (let i = 0; i < indices.length; i++) {
    const to = row(indices[i], count, node) * width;
    for (let j = 0; j < width; j++) result[to + j] += values[i * width + j];
  }
  return result;
};

export const randomBits: EvaluateRule<"randomBits"> = ([key], node) => {
  const result = blank(node);
  const count = sizeOf(node.attributes.shape);
  for (let i = 0; i < result.length; i++) {
    const at = 2 * Math.floor(i / count);
    result[i] = bits([key[at], key[at + 1]], i % count);
  }
  return result;
};

export const foldKey: EvaluateRule<"foldKey"> = ([key, word], node) => {
  const result = blank(node);
  positions(node.inputs[1].shape, node.shape.slice(0, -1)).forEach((at, i) => {
    result.set(fold([key[2 * i], key[2 * i + 1]], word[at]), 2 * i);
  });
  return result;
};
