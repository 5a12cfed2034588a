import { sizeOf } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { Leaf } from "../kinds/index.ts";
import {
  add,
  avgPool as averagePool,
  type ConvOptions,
  type ConvTransposeOptions,
  conv as convolve,
  convTranspose as convolveTransposed,
  fill,
  fold,
  globalAvgPool as globalAveragePool,
  matmul,
  maxPool as maximumPool,
  mean,
  mul,
  type PoolOptions,
  reciprocal,
  relu as rectify,
  reshape,
  sqrt,
  square,
  stopGradient,
  sub,
  type Tensor,
  transpose,
} from "../tensor/index.ts";
import { heNormal, type Initializer } from "./initializers.ts";
import { type Module, type ModuleOf, stateless } from "./module.ts";

export interface LinearOptions {
  readonly init?: Initializer;
  readonly bias?: boolean;
  readonly head?: boolean;
}

/** y = x W^T + b over the last axis; W [out, in]. */
export const linear =
  (out: number, { init = heNormal, bias = true, head = false }: LinearOptions = {}): ModuleOf =>
  (name, shape) => {
    const inputs = shape[shape.length - 1];
    const kernel = leaf(name, "kernel", [out, inputs], 0, head);
    const offset = leaf(name, "bias", [out], 0, head);
    return {
      leaves: bias ? [kernel, offset] : [kernel],
      shape: [...shape.slice(0, -1), out],
      init: (key) => ({
        [kernel.path]: init(key, kernel.shape),
        ...(bias ? { [offset.path]: fill([out], 0) } : {}),
      }),
      apply(x, { weights }) {
        const rows = reshape(x, [-1, inputs]);
        const product = matmul(rows, weights[kernel.path], { transposeB: true });
        const y = bias ? add(product, weights[offset.path]) : product;
        return reshape(y, [...x.shape.slice(0, -1), out]);
      },
    };
  };

interface Windowed {
  readonly kernel: Leaf;
  readonly init: Initializer;
  readonly bias: boolean;
}

/** A layer that runs a kernel over [c, ...spatial], with a bias for each output channel. */
function windowed(
  name: string,
  shape: readonly number[],
  { kernel, init, bias }: Windowed,
  run: (x: Tensor, kernel: Tensor) => Tensor,
): Module {
  const [out] = kernel.shape;
  const offset = leaf(name, "bias", [out], 0);
  const spread = [out, ...shape.slice(1).map(() => 1)];
  return {
    leaves: bias ? [kernel, offset] : [kernel],
    shape: run(fill([1, ...shape], 0), fill(kernel.shape, 0)).shape.slice(1),
    init: (key) => ({
      [kernel.path]: init(key, kernel.shape),
      ...(bias ? { [offset.path]: fill([out], 0) } : {}),
    }),
    apply(x, { weights }) {
      const y = run(x, weights[kernel.path]);
      return bias ? add(y, reshape(weights[offset.path], spread)) : y;
    },
  };
}

export interface ConvLayerOptions extends ConvOptions {
  readonly init?: Initializer;
  readonly bias?: boolean;
}

/** Convolution of [c, ...spatial] with kernels [out, c / groups, ...window]. */
export const conv =
  (
    out: number,
    size: number,
    { init = heNormal, bias = true, ...geometry }: ConvLayerOptions = {},
  ): ModuleOf =>
  (name, shape) => {
    const [channels, ...spatial] = shape;
    const groups = geometry.groups ?? 1;
    if (channels % groups !== 0) throw undivided(name, channels, groups);
    const kernel = leaf(name, "kernel", [out, channels / groups, ...spatial.map(() => size)], 0);
    return windowed(name, shape, { kernel, init, bias }, (x, k) => convolve(x, k, geometry));
  };

export interface ConvTransposeLayerOptions extends ConvTransposeOptions {
  readonly init?: Initializer;
  readonly bias?: boolean;
}

/**
 * Transposed convolution of [c, ...spatial] with kernels [out, c / groups, ...window], as those of `conv`: with strides
 * it enlarges. PyTorch keeps the same kernel as [c, out / groups, ...window].
 */
export const convTranspose =
  (
    out: number,
    size: number,
    { init = heNormal, bias = true, ...geometry }: ConvTransposeLayerOptions = {},
  ): ModuleOf =>
  (name, shape) => {
    const [channels, ...spatial] = shape;
    const groups = geometry.groups ?? 1;
    for (const count of [channels, out]) if (count % groups !== 0) throw undivided(name, count, groups);
    const window = spatial.map(() => size);
    const kernel = leaf(name, "kernel", [out, channels / groups, ...window], 0);
    return windowed(name, shape, { kernel, init, bias }, (x, k) => {
      const grouped = reshape(k, [groups, out / groups, channels / groups, ...window]);
      const order = [0, 2, 1, ...window.map((_, i) => i + 3)];
      const turned = reshape(transpose(grouped, order), [channels, out / groups, ...window]);
      return convolveTransposed(x, turned, geometry);
    });
  };

const pooled = (run: (x: Tensor) => Tensor): ModuleOf =>
  stateless((shape) => run(fill([1, ...shape], 0)).shape.slice(1), run);

export const maxPool = (size: number, options?: PoolOptions): ModuleOf =>
  pooled((x) => maximumPool(x, size, options));
export const avgPool = (size: number, options?: PoolOptions): ModuleOf =>
  pooled((x) => averagePool(x, size, options));
/** Mean over the spatial axes: [c, ...] -> [c]. */
export const globalAvgPool: ModuleOf = pooled(globalAveragePool);
export const relu: ModuleOf = stateless((shape) => shape, rectify);
/** All axes of an example as one. */
export const flatten: ModuleOf = stateless(
  (shape) => [sizeOf(shape)],
  (x) => reshape(x, [x.shape[0], -1]),
);

/** 1 / sqrt(variance + epsilon) */
const scaleOf = (variance: Tensor, epsilon: number): Tensor => reciprocal(sqrt(add(variance, epsilon)));

/** A per-channel array [c] as it broadcasts over [n, c, ...spatial]. */
const perChannel = (v: Tensor, shape: readonly number[]): Tensor =>
  reshape(v, [v.shape[0], ...shape.slice(1).map(() => 1)]);

/**
 * Batch normalization over the batch and all spatial axes, by channel. In training the batch's own mean and
 * variance are used, and the running ones move by `momentum` toward the batch's mean and unbiased variance;
 * in evaluation the running ones are used. As PyTorch's BatchNorm.
 */
export const batchNorm =
  ({ momentum = 0.1, epsilon = 1e-5 }: { momentum?: number; epsilon?: number } = {}): ModuleOf =>
  (name, shape) => {
    const c = shape[0];
    const gain = leaf(name, "gain", [c], 0);
    const bias = leaf(name, "bias", [c], 0);
    const running = leaf(name, "buffer", [c], 0, false, "mean");
    const spread = leaf(name, "buffer", [c], 0, false, "variance");
    return {
      leaves: [gain, bias, running, spread],
      shape,
      init: () => ({
        [gain.path]: fill([c], 1),
        [bias.path]: fill([c], 0),
        [running.path]: fill([c], 0),
        [spread.path]: fill([c], 1),
      }),
      apply(x, { weights, mode, buffers }) {
        const axes = x.shape.flatMap((_, i) => (i === 1 ? [] : [i]));
        let average = perChannel(weights[running.path], shape);
        let variance = perChannel(weights[spread.path], shape);
        if (mode === "train") {
          const count = sizeOf(x.shape) / c;
          if (count < 2)
            throw new OckhamError(
              "bad-shape",
              name,
              `${name} needs more than one value a channel in training`,
              "use a larger batch",
            );
          average = mean(x, { axes, keep: true });
          variance = mean(square(sub(x, average)), { axes, keep: true });
          const toward = (old: Tensor, now: Tensor, factor: number) =>
            add(mul(old, 1 - momentum), mul(stopGradient(reshape(now, [c])), momentum * factor));
          buffers[running.path] = toward(weights[running.path], average, 1);
          buffers[spread.path] = toward(weights[spread.path], variance, count / (count - 1));
        }
        const scale = mul(perChannel(weights[gain.path], shape), scaleOf(variance, epsilon));
        return add(mul(sub(x, average), scale), perChannel(weights[bias.path], shape));
      },
    };
  };

/** Layer normalization over the last axis. */
export const layerNorm =
  ({ epsilon = 1e-5 }: { epsilon?: number } = {}): ModuleOf =>
  (name, shape) => {
    const c = shape[shape.length - 1];
    const gain = leaf(name, "gain", [c], 0);
    const bias = leaf(name, "bias", [c], 0);
    return {
      leaves: [gain, bias],
      shape,
      init: () => ({ [gain.path]: fill([c], 1), [bias.path]: fill([c], 0) }),
      apply(x, { weights }) {
        const average = mean(x, { axes: [-1], keep: true });
        const centred = sub(x, average);
        const variance = mean(square(centred), { axes: [-1], keep: true });
        const normalized = mul(centred, scaleOf(variance, epsilon));
        return add(mul(normalized, weights[gain.path]), weights[bias.path]);
      },
    };
  };

const undivided = (name: string, channels: number, groups: number) =>
  new OckhamError(
    "bad-shape",
    name,
    `${channels} channels do not divide into ${groups} groups`,
    "choose another number of groups",
  );

/** Group normalization: mean and variance over a group of channels and all spatial axes. */
export const groupNorm =
  (groups: number, { epsilon = 1e-5 }: { epsilon?: number } = {}): ModuleOf =>
  (name, shape) => {
    const c = shape[0];
    if (c % groups !== 0) throw undivided(name, c, groups);
    const gain = leaf(name, "gain", [c], 0);
    const bias = leaf(name, "bias", [c], 0);
    return {
      leaves: [gain, bias],
      shape,
      init: () => ({ [gain.path]: fill([c], 1), [bias.path]: fill([c], 0) }),
      apply(x, { weights }) {
        const grouped = reshape(x, [x.shape[0], groups, -1]);
        const average = mean(grouped, { axes: [-1], keep: true });
        const centred = sub(grouped, average);
        const variance = mean(square(centred), { axes: [-1], keep: true });
        const y = reshape(mul(centred, scaleOf(variance, epsilon)), x.shape);
        return add(mul(y, perChannel(weights[gain.path], shape)), perChannel(weights[bias.path], shape));
      },
    };
  };

/** x + body(x), or project(x) + body(x) where the shapes differ. */
export const residual =
  (body: ModuleOf, project?: ModuleOf): ModuleOf =>
  (name, shape) => {
    const main = body(`${name}.body`, shape);
    const skip = project?.(`${name}.skip`, shape);
    if ((skip?.shape ?? shape).join() !== main.shape.join())
      throw new OckhamError(
        "bad-shape",
        name,
        `the branches of ${name} end in [${main.shape}] and [${skip?.shape ?? shape}]`,
        "give a projection with the body's shape",
      );
    return {
      leaves: [...main.leaves, ...(skip?.leaves ?? [])],
      shape: main.shape,
      init: (key) => ({ ...main.init(fold(key, "body")), ...skip?.init(fold(key, "skip")) }),
      apply: (x, context) => add(skip?.apply(x, context) ?? x, main.apply(x, context)),
    };
  };

function leaf(
  layer: string,
  role: Leaf["role"],
  shape: readonly number[],
  outAxis: number | null,
  head = false,
  name: string = role,
): Leaf {
  return { path: `${layer}.${name}`, layer, role, outAxis, shape, ...(head ? { head } : {}) };
}
