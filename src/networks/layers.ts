import type { Role } from "../kinds/index.ts";
import { batchNorm, layerNorm } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import * as t from "../tensor/index.ts";
import { float, int, ints, only, tensorAt, type Use } from "./use.ts";

/** Strides, dilations and padding as our operations take them. */
function geometry(use: Use, spatial: number) {
  const each = (name: string) => ints(use, name) ?? new Array<number>(spatial).fill(1);
  const auto = use.node.attributes.auto_pad?.text ?? "NOTSET";
  if (auto === "SAME_LOWER") throw use.refuse("auto_pad SAME_LOWER is not known here");
  const pads = ints(use, "pads") ?? new Array<number>(2 * spatial).fill(0);
  const padding =
    auto === "SAME_UPPER"
      ? ("same" as const)
      : Array.from({ length: spatial }, (_, i) => [pads[i], pads[i + spatial]] as const);
  return { strides: each("strides"), dilation: each("dilations"), padding };
}

const perChannel = (bias: Tensor, rank: number): Tensor =>
  t.reshape(bias, [bias.shape[0], ...new Array<number>(rank - 2).fill(1)]);

export function conv(use: Use): Tensor {
  const x = tensorAt(use, 0);
  const kernel = use.weight(1, { role: "kernel", outAxis: 0 }) ?? tensorAt(use, 1);
  const y = t.conv(x, kernel, { ...geometry(use, x.shape.length - 2), groups: int(use, "group", 1) });
  if (use.values[2] === undefined) return y;
  const bias = use.weight(2, { role: "bias", outAxis: 0 }) ?? tensorAt(use, 2);
  return t.add(y, perChannel(bias, x.shape.length));
}

export function gemm(use: Use): Tensor {
  only(use, "transA", 0);
  const turned = int(use, "transB", 0) === 0;
  const kernel = use.weight(1, { role: "kernel", outAxis: 0, turned });
  const product =
    kernel === undefined
      ? t.matmul(tensorAt(use, 0), tensorAt(use, 1), { transposeB: !turned })
      : t.matmul(tensorAt(use, 0), kernel, { transposeB: true });
  const scaled = (x: Tensor, by: number) => (by === 1 ? x : t.mul(x, by));
  const y = scaled(product, float(use, "alpha", 1));
  if (use.values[2] === undefined) return y;
  const bias = use.weight(2, { role: "bias", outAxis: 0 }) ?? tensorAt(use, 2);
  return t.add(y, scaled(bias, float(use, "beta", 1)));
}

export function matmul(use: Use): Tensor {
  const kernel = use.weight(1, { role: "kernel", outAxis: 0, turned: true });
  const x = tensorAt(use, 0);
  if (kernel === undefined) return t.matmul(x, tensorAt(use, 1));
  const rows = t.matmul(t.reshape(x, [-1, x.shape[x.shape.length - 1]]), kernel, { transposeB: true });
  return t.reshape(rows, [...x.shape.slice(0, -1), kernel.shape[0]]);
}

/** A normalization of our own over arrays of the file: [gain, bias, then buffers], inputs 1, 2, ... */
function normalized(
  use: Use,
  make: typeof batchNorm,
  names: readonly string[],
  shape: readonly number[],
): Tensor {
  const epsilon = float(use, "epsilon", 1e-5);
  // ONNX counts what is kept of the old, we what comes from the new
  const module = make({ epsilon, momentum: 1 - float(use, "momentum", 0.9) })("n", shape);
  const weights = Object.fromEntries(
    names.map((name, i) => {
      const role: Role = i === 0 ? "gain" : i === 1 ? "bias" : "buffer";
      const start = name === "gain" || name === "variance" ? 1 : 0;
      return [`n.${name}`, use.weight(i + 1, { role, outAxis: 0, start }) ?? tensorAt(use, i + 1)];
    }),
  );
  const buffers: Record<string, Tensor> = {};
  const y = module.apply(tensorAt(use, 0), { weights, mode: use.mode, buffers });
  names.forEach((name, i) => {
    if (buffers[`n.${name}`] !== undefined) use.keep(i + 1, buffers[`n.${name}`]);
  });
  return y;
}

export function batchNormalization(use: Use): Tensor {
  const shape = tensorAt(use, 0).shape.slice(1);
  return normalized(use, batchNorm, ["gain", "bias", "mean", "variance"], shape);
}

export function layerNormalization(use: Use): Tensor {
  const { shape } = tensorAt(use, 0);
  const axis = int(use, "axis", -1);
  if (axis !== -1 && axis !== shape.length - 1) throw use.refuse("only the last axis is normalized here");
  if (use.values[2] === undefined) throw use.refuse("one without a bias is not known here");
  return normalized(use, layerNorm, ["gain", "bias"], shape.slice(1));
}

function pooled(use: Use, run: typeof t.maxPool): Tensor {
  only(use, "ceil_mode", 0);
  const kernel = ints(use, "kernel_shape") ?? [];
  const { strides, dilation, padding } = geometry(use, kernel.length);
  if (dilation.some((n) => n !== 1)) throw use.refuse("dilated windows are not known here");
  return run(tensorAt(use, 0), kernel, { strides, padding });
}

export function averagePool(use: Use): Tensor {
  const counted = int(use, "count_include_pad", 0) === 1;
  return pooled(use, (x, kernel, options) => {
    const mean = t.avgPool(x, kernel, options);
    // padding counts as zeros there: divided by the share of each window that is none
    return counted ? mean : t.div(mean, t.avgPool(t.fill([1, 1, ...x.shape.slice(2)], 1), kernel, options));
  });
}

export const maxPool = (use: Use): Tensor => pooled(use, t.maxPool);

/** Means over all spatial axes, which stay, of size 1. */
export function globalAveragePool(use: Use): Tensor {
  const x = tensorAt(use, 0);
  return t.mean(x, { axes: x.shape.map((_, axis) => axis).slice(2), keep: true });
}
