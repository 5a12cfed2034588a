import { sizeOf } from "../../array/ndarray.ts";
import type { Pool, Window } from "../graph.ts";
import { above } from "./reductions.ts";
import { blank, type EvaluateRule } from "./values.ts";

/**
 * Meetings of a sliding window with the plane under it: entry `kernel` of the window lies on input entry
 * `input + j * step` for output entry `output + j`, with j from 0 to below `count`.
 */
interface Run {
  readonly output: number;
  readonly input: number;
  readonly kernel: number;
  readonly count: number;
  readonly step: number;
}

interface Geometry extends Pick<Window, "strides" | "padding"> {
  readonly dilation?: readonly number[];
}

/** Numbers for three spatial axes: of those that are missing in front, each is `filler`. */
const three = (values: readonly number[], filler: number): readonly number[] => [
  ...Array(3 - values.length).fill(filler),
  ...values,
];

/** Where along one axis a window's entry lies: on `input` for the place `output`. */
interface Place {
  readonly input: number;
  readonly output: number;
}

/** All runs of a window of sizes `kernel` over a plane of sizes `size`, in the order of the window's entries. */
function runsOf(
  size: readonly number[],
  out: readonly number[],
  kernel: readonly number[],
  g: Geometry,
): Run[] {
  const [depth, height, width] = three(size, 1);
  const [outZ, outY, outX] = three(out, 1);
  const [kernelZ, kernelY, kernelX] = three(kernel, 1);
  const [strideZ, strideY, step] = three(g.strides, 1);
  const [dilationZ, dilationY, dilationX] = three(g.dilation ?? size.map(() => 1), 1);
  const [lowZ, lowY, lowX] = three(
    g.padding.map(([low]) => low),
    0,
  );
  const along = (places: number, stride: number, shift: number, below: number): Place[] =>
    Array.from({ length: places }, (_, output) => ({ output, input: output * stride + shift })).filter(
      ({ input }) => input >= 0 && input < below,
    );
  const runs: Run[] = [];
  for (let kz = 0; kz < kernelZ; kz++) {
    const planes = along(outZ, strideZ, kz * dilationZ - lowZ, depth);
    for (let ky = 0; ky < kernelY; ky++) {
      const rows = along(outY, strideY, ky * dilationY - lowY, height);
      for (let kx = 0; kx < kernelX; kx++) {
        const shift = kx * dilationX - lowX;
        const first = Math.max(0, Math.ceil(-shift / step));
        const count = Math.min(outX, Math.ceil((width - shift) / step)) - first;
        if (count <= 0) continue;
        const entry = (kz * kernelY + ky) * kernelX + kx;
        for (const z of planes)
          for (const y of rows)
            runs.push({
              output: (z.output * outY + y.output) * outX + first,
              input: (z.input * height + y.input) * width + first * step + shift,
              kernel: entry,
              count,
              step,
            });
      }
    }
  }
  return runs;
}

/** Calls `f` for every triple of planes of x [n, c, ...], kernel [o, c / groups, ...] and out [n, o, ...] that meet, and every run between them, with positions in the whole arrays. */
function meet(
  [x, kernel, out]: readonly (readonly number[])[],
  w: Window,
  f: (x: number, kernel: number, out: number, count: number, step: number) => void,
): void {
  const runs = runsOf(x.slice(2), out.slice(2), kernel.slice(2), w);
  const [sizeX, sizeK, sizeO] = [x, kernel, out].map((shape) => sizeOf(shape.slice(2)));
  const [outputs, perGroup] = kernel;
  for (let i = 0; i < x[0]; i++)
    for (let j = 0; j < outputs; j++) {
      const group = Math.floor((j * w.groups) / outputs);
      for (let l = 0; l < perGroup; l++) {
        const atX = (i * x[1] + group * perGroup + l) * sizeX;
        const atK = (j * perGroup + l) * sizeK;
        const atO = (i * outputs + j) * sizeO;
        for (const { input, kernel: k, output, count, step } of runs)
          f(atX + input, atK + k, atO + output, count, step);
      }
    }
}

export const conv: EvaluateRule<"conv"> = ([x, kernel], node) => {
  const result = blank(node);
  const shapes = [node.inputs[0].shape, node.inputs[1].shape, node.shape];
  meet(shapes, node.attributes, (atX, atK, atO, count, step) => {
    const weight = kernel[atK];
    for (let j = 0; j < count; j++) result[atO + j] += x[atX + j * step] * weight;
  });
  return result;
};

export const convTranspose: EvaluateRule<"convTranspose"> = ([g, kernel], node) => {
  const result = blank(node);
  const shapes = [node.shape, node.inputs[1].shape, node.inputs[0].shape];
  meet(shapes, node.attributes, (atX, atK, atO, count, step) => {
    const weight = kernel[atK];
    for (let j = 0; j < count; j++) result[atX + j * step] += g[atO + j] * weight;
  });
  return result;
};

export const convKernel: EvaluateRule<"convKernel"> = ([x, g], node) => {
  const result = blank(node);
  const shapes = [node.inputs[0].shape, node.shape, node.inputs[1].shape];
  meet(shapes, node.attributes, (atX, atK, atO, count, step) => {
    let total = 0;
    for (let j = 0; j < count; j++) total += x[atX + j * step] * g[atO + j];
    result[atK] += total;
  });
  return result;
};

/** Calls `f` with every output position of a pooling, an input position in its window, and that position in its own plane; entries of a window come in order. */
function pooled(
  x: readonly number[],
  out: readonly number[],
  pool: Pool,
  f: (output: number, input: number, flat: number) => void,
): void {
  const runs = runsOf(x.slice(2), out.slice(2), pool.kernel, pool);
  const [sizeX, sizeO] = [x, out].map((shape) => sizeOf(shape.slice(2)));
  for (let plane = 0; plane < x[0] * x[1]; plane++)
    for (const { output, input, count, step } of runs)
      for (let j = 0, flat = input; j < count; j++, flat += step)
        f(plane * sizeO + output + j, plane * sizeX + flat, flat);
}

export const maxPool: EvaluateRule<"maxPool"> = ([x], node) => {
  const result = blank(node).fill(Number.NEGATIVE_INFINITY);
  pooled(node.inputs[0].shape, node.shape, node.attributes, (o, i) => {
    result[o] = Math.max(result[o], x[i]);
  });
  return result;
};

export const argMaxPool: EvaluateRule<"argMaxPool"> = ([x], node) => {
  const result = blank(node).fill(-1);
  const top = blank(node);
  pooled(node.inputs[0].shape, node.shape, node.attributes, (o, i, flat) => {
    if (result[o] >= 0 && !above(x[i], top[o])) return;
    top[o] = x[i];
    result[o] = flat;
  });
  return result;
};

export const sumPool: EvaluateRule<"sumPool"> = ([x], node) => {
  const result = blank(node);
  pooled(node.inputs[0].shape, node.shape, node.attributes, (o, i) => {
    result[o] += x[i];
  });
  return result;
};

export const sumUnpool: EvaluateRule<"sumUnpool"> = ([g], node) => {
  const result = blank(node);
  pooled(node.shape, node.inputs[0].shape, node.attributes, (o, i) => {
    result[i] += g[o];
  });
  return result;
};
