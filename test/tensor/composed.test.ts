import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ndarray } from "../../src/array/ndarray.ts";
import { openInline } from "../../src/runtime/index.ts";
import { input } from "../../src/tensor/graph.ts";
import type { Tensor } from "../../src/tensor/index.ts";
import * as t from "../../src/tensor/index.ts";
import { spreadNumbers } from "../onnx/samples.ts";
import { type Case, numbersOf, type Plain, wrong } from "./agreeing.ts";
import {
  along,
  each,
  entry,
  erf,
  filled,
  gathered,
  inside,
  largest,
  type Numbers,
  placesOf,
  reduced,
  softly,
  total,
} from "./formulas.ts";

const host = openInline();
afterAll(() => host.close());

/** One use of a function of symbols, and what it means by loops over entries. */
interface Example {
  readonly arrays: readonly Plain[];
  build(inputs: readonly Tensor[]): Tensor;
  means(operands: readonly Numbers[]): Numbers;
}

type Examples = fc.Arbitrary<Example>;
const seed = fc.nat(1e6);
const size = fc.integer({ min: 1, max: 4 });
const shapes = (min: number, max: number) => fc.array(size, { minLength: min, maxLength: max });
const numbers = (shape: readonly number[]) => seed.map((from) => spreadNumbers(shape, from));
const indices = (shape: readonly number[], below: number) => {
  const count = shape.reduce((a, b) => a * b, 1);
  return fc
    .array(fc.nat(below - 1), { minLength: count, maxLength: count })
    .map((list) => ndarray("int32", shape, Int32Array.from(list)));
};

/** Of one array of any shape. */
const single = (
  min: number,
  make: (shape: readonly number[]) => fc.Arbitrary<Pick<Example, "build" | "means">>,
): Examples =>
  shapes(min, 4).chain((shape) =>
    fc.tuple(numbers(shape), make(shape)).map(([x, rest]) => ({ arrays: [x], ...rest })),
  );

/** Entry by entry. */
const pointwise = (build: (x: Tensor) => Tensor, f: (x: number) => number): Examples =>
  single(0, () => fc.constant({ build: ([x]) => build(x), means: each(f) }));

const axisOf = (shape: readonly number[]) => fc.integer({ min: -shape.length, max: shape.length - 1 });
const fromEnd = (axis: number, rank: number) => (axis < 0 ? axis : axis - rank);

const reduction = (
  build: (x: Tensor, over: t.Reduction) => Tensor,
  of: (entries: readonly number[]) => number,
): Examples =>
  single(1, (shape) =>
    fc.tuple(fc.subarray([...shape.keys()], { minLength: 1 }), fc.boolean()).map(([axes, keep]) => ({
      build: ([x]) => build(x, { axes, keep }),
      means: ([x]) =>
        reduced(
          x,
          axes.map((a) => a - shape.length),
          keep,
          of,
        ),
    })),
  );

const logistic = (x: number) => 1 / (1 + Math.exp(-x));
const normalCdf = (x: number) => 0.5 * (1 + erf(x / Math.SQRT2));
const average = (list: readonly number[]) => total(list) / list.length;
const spread = (list: readonly number[], correction: number) =>
  total(list.map((x) => (x - average(list)) ** 2)) / (list.length - correction);
const clamped = (x: number, low: number, high: number) => Math.min(high, Math.max(low, x));

const gated = (build: (x: Tensor, axis: number) => Tensor, f: (x: number) => number): Examples =>
  shapes(1, 3).chain((half) =>
    fc.integer({ min: 0, max: half.length - 1 }).chain((axis) => {
      const shape = half.map((n, i) => (i === axis ? 2 * n : n));
      return numbers(shape).map((x) => ({
        arrays: [x],
        build: ([given]) => build(given, axis),
        means: ([given]) =>
          filled(half, (place) => {
            const other = place.map((i, k) => (k === axis ? i + half[axis] : i));
            return entry(given, place) * f(entry(given, other));
          }),
      }));
    }),
  );

/** Numbers along the last axis in order, the first of equals first. */
const ordered = (row: readonly number[], falling: boolean) =>
  [...row.keys()].sort((i, j) => (falling ? row[j] - row[i] : row[i] - row[j]) || i - j);

const sorted = (build: (x: Tensor, descending: boolean) => Tensor, values: boolean): Examples =>
  single(1, () =>
    fc.boolean().map((descending) => ({
      build: ([x]) => build(x, descending),
      means: ([x]) =>
        along(x, -1, (row, at) => {
          const place = ordered(row, descending)[at];
          return values ? row[place] : place;
        }),
    })),
  );

/** Windows of one or two dimensions. */
const windows = fc
  .record({
    lead: fc.tuple(size, size),
    spatial: fc.array(fc.integer({ min: 3, max: 6 }), { minLength: 1, maxLength: 2 }),
    kernel: fc.integer({ min: 1, max: 3 }),
    strides: fc.integer({ min: 1, max: 3 }),
    padding: fc.integer({ min: 0, max: 1 }),
    extra: fc.nat(2),
  })
  .map((drawn) => ({ ...drawn, padding: Math.min(drawn.padding, drawn.kernel - 1) }));

const functions: Readonly<Record<string, Examples>> = {
  square: pointwise(t.square, (x) => x * x),
  clamp: pointwise(
    (x) => t.clamp(x, -0.7, 0.4),
    (x) => clamped(x, -0.7, 0.4),
  ),
  gelu: pointwise(t.gelu, (x) => x * normalCdf(x)),
  geluTanh: pointwise(
    t.geluTanh,
    (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  ),
  silu: pointwise(t.silu, (x) => x * logistic(x)),
  swish: pointwise(
    (x) => t.swish(x, 1.7),
    (x) => x * logistic(1.7 * x),
  ),
  mish: pointwise(t.mish, (x) => x * Math.tanh(Math.log1p(Math.exp(x)))),
  leakyRelu: pointwise(
    (x) => t.leakyRelu(x, 0.3),
    (x) => (x > 0 ? x : 0.3 * x),
  ),
  elu: pointwise(
    (x) => t.elu(x, 1.5),
    (x) => (x > 0 ? x : 1.5 * (Math.exp(x) - 1)),
  ),
  celu: pointwise(
    (x) => t.celu(x, 1.5),
    (x) => (x > 0 ? x : 1.5 * (Math.exp(x / 1.5) - 1)),
  ),
  selu: pointwise(t.selu, (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (Math.exp(x) - 1))),
  relu6: pointwise(
    (x) => t.relu6(t.mul(x, 5)),
    (x) => clamped(5 * x, 0, 6),
  ),
  hardtanh: pointwise(t.hardtanh, (x) => clamped(x, -1, 1)),
  hardsigmoid: pointwise(
    (x) => t.hardsigmoid(t.mul(x, 3)),
    (x) => clamped(3 * x + 3, 0, 6) / 6,
  ),
  hardswish: pointwise(
    (x) => t.hardswish(t.mul(x, 3)),
    (x) => (3 * x * clamped(3 * x + 3, 0, 6)) / 6,
  ),
  softsign: pointwise(t.softsign, (x) => x / (1 + Math.abs(x))),
  logSigmoid: pointwise(t.logSigmoid, (x) => Math.log(logistic(x))),
  tanhshrink: pointwise(t.tanhshrink, (x) => x - Math.tanh(x)),
  softshrink: pointwise(
    (x) => t.softshrink(x, 0.4),
    (x) => Math.sign(x) * Math.max(0, Math.abs(x) - 0.4),
  ),
  hardshrink: pointwise(
    (x) => t.hardshrink(x, 0.4),
    (x) => (Math.abs(x) > 0.4 ? x : 0),
  ),
  threshold: pointwise(
    (x) => t.threshold(x, 0.2, -3),
    (x) => (x > 0.2 ? x : -3),
  ),
  glu: gated(t.glu, logistic),
  reglu: gated(t.reglu, (x) => Math.max(0, x)),
  geglu: gated(t.geglu, (x) => x * normalCdf(x)),
  swiglu: gated(t.swiglu, (x) => x * logistic(x)),
  softmin: single(1, (shape) =>
    axisOf(shape).map((axis) => ({
      build: ([x]) => t.softmin(x, axis),
      means: ([x]) =>
        along(x, fromEnd(axis, shape.length), (row, at) =>
          softly(
            row.map((v) => -v),
            at,
          ),
        ),
    })),
  ),
  prelu: fc.tuple(size, size, shapes(0, 2)).chain(([n, c, rest]) =>
    fc.tuple(numbers([n, c, ...rest]), numbers([c])).map(([x, slope]) => ({
      arrays: [x, slope],
      build: ([a, b]) => t.prelu(a, b),
      means: ([a, b]) =>
        filled(a.shape, (place) => entry(a, place) * (entry(a, place) > 0 ? 1 : entry(b, [place[1]]))),
    })),
  ),
  mean: reduction(t.mean, average),
  amin: reduction(t.amin, (list) => -largest(list.map((x) => -x))),
  variance: reduction(t.variance, (list) => spread(list, 0)),
  "variance, corrected": reduction(
    (x, over) => t.variance(x, over, -1),
    (list) => spread(list, -1),
  ),
  norm: reduction(t.norm, (list) => Math.sqrt(total(list.map((x) => x * x)))),
  logSumExp: reduction(t.logSumExp, (list) => Math.log(total(list.map(Math.exp)))),
  dot: shapes(1, 3).chain((shape) =>
    fc.tuple(numbers(shape), numbers(shape)).map((arrays) => ({
      arrays,
      build: ([a, b]) => t.dot(a, b),
      means: ([a, b]) => ({ shape: [], data: [total(a.data.map((x, i) => x * b.data[i]))] }),
    })),
  ),
  oneHot: fc.tuple(shapes(0, 2), size).chain(([shape, classes]) =>
    indices(shape, classes).map((at) => ({
      arrays: [at],
      build: ([i]) => t.oneHot(i, classes),
      means: ([i]) =>
        filled([...shape, classes], (place) =>
          entry(i, place.slice(0, -1)) === place[shape.length] ? 1 : 0,
        ),
    })),
  ),
  take: fc.tuple(shapes(1, 3), shapes(0, 2)).chain(([shape, lead]) =>
    axisOf(shape).chain((axis) => {
      const own = fromEnd(axis, shape.length) + shape.length;
      return fc.tuple(numbers(shape), indices(lead, shape[own])).map(([x, at]) => ({
        arrays: [x, at],
        build: ([a, i]) => t.take(a, i, axis),
        means: ([a, i]) =>
          filled([...shape.slice(0, own), ...lead, ...shape.slice(own + 1)], (place) => {
            const chosen = entry(i, place.slice(own, own + lead.length));
            return entry(a, [...place.slice(0, own), chosen, ...place.slice(own + lead.length)]);
          }),
      }));
    }),
  ),
  takeAlong: fc.tuple(shapes(1, 3), size).chain(([shape, k]) => {
    const many = [...shape.slice(0, -1), k];
    return fc.tuple(numbers(shape), indices(many, shape[shape.length - 1])).map(([x, at]) => ({
      arrays: [x, at],
      build: ([a, i]) => t.takeAlong(a, i),
      means: ([a, i]) => filled(many, (place) => entry(a, [...place.slice(0, -1), entry(i, place)])),
    }));
  }),
  pick: shapes(1, 3).chain((shape) =>
    fc.tuple(numbers(shape), indices(shape.slice(0, -1), shape[shape.length - 1])).map(([x, at]) => ({
      arrays: [x, at],
      build: ([a, i]) => t.pick(a, i),
      means: ([a, i]) => filled(shape.slice(0, -1), (place) => entry(a, [...place, entry(i, place)])),
    })),
  ),
  sort: sorted((x, descending) => t.sort(x, { descending }), true),
  argSort: sorted((x, descending) => t.argSort(x, { descending }), false),
  topK: single(1, (shape) =>
    fc.integer({ min: 1, max: shape[shape.length - 1] }).map((k) => ({
      build: ([x]) => t.topK(x, k),
      means: ([x]) => {
        const all = along(x, -1, (row, at) => row[ordered(row, true)[at]]);
        return filled([...shape.slice(0, -1), k], (place) => entry(all, place));
      },
    })),
  ),
  swapLast: single(2, (shape) =>
    fc.constant({
      build: ([x]) => t.swapLast(x),
      means: ([x]) =>
        filled([...shape.slice(0, -2), ...shape.slice(-2).reverse()], (place) =>
          entry(x, [...place.slice(0, -2), ...place.slice(-2).reverse()]),
        ),
    }),
  ),
  moveAxis: single(1, (shape) =>
    fc.tuple(fc.nat(shape.length - 1), fc.nat(shape.length - 1)).map(([from, to]) => {
      const moved = <T>(list: readonly T[], out: number, into: number): T[] => {
        const rest = list.filter((_, i) => i !== out);
        return [...rest.slice(0, into), list[out], ...rest.slice(into)];
      };
      return {
        build: ([x]) => t.moveAxis(x, from, to),
        means: ([x]) => filled(moved(shape, from, to), (place) => entry(x, moved(place, to, from))),
      };
    }),
  ),
  slice: single(1, (shape) =>
    axisOf(shape).chain((axis) => {
      const own = fromEnd(axis, shape.length) + shape.length;
      const bounds = fc.tuple(fc.nat(shape[own] - 1), fc.nat(shape[own] - 1), fc.integer({ min: 1, max: 3 }));
      return bounds.map(([a, b, by]) => {
        const [start, stop] = [Math.min(a, b), Math.max(a, b) + 1];
        return {
          build: ([x]) => t.slice(x, axis, start, stop, by),
          means: ([x]) =>
            filled(
              shape.map((n, k) => (k === own ? Math.ceil((stop - start) / by) : n)),
              (place) =>
                entry(
                  x,
                  place.map((i, k) => (k === own ? start + i * by : i)),
                ),
            ),
        };
      });
    }),
  ),
  flip: single(1, (shape) =>
    fc.subarray([...shape.keys()]).map((axes) => ({
      build: ([x]) => t.flip(x, axes),
      means: ([x]) =>
        filled(shape, (place) =>
          entry(
            x,
            place.map((i, k) => (axes.includes(k) ? shape[k] - 1 - i : i)),
          ),
        ),
    })),
  ),
  stack: fc.tuple(shapes(0, 3), size).chain(([shape, count]) =>
    fc
      .tuple(fc.array(numbers(shape), { minLength: count, maxLength: count }), fc.nat(shape.length))
      .map(([arrays, axis]) => ({
        arrays,
        build: (parts) => t.stack(parts, axis),
        means: (parts) =>
          filled([...shape.slice(0, axis), count, ...shape.slice(axis)], (place) =>
            entry(parts[place[axis]], [...place.slice(0, axis), ...place.slice(axis + 1)]),
          ),
      })),
  ),
  avgPool: windows.chain(({ lead, spatial, kernel, strides, padding }) =>
    numbers([...lead, ...spatial]).map((x) => ({
      arrays: [x],
      build: ([a]) => t.avgPool(a, kernel, { strides, padding }),
      means: ([a]) => {
        const out = spatial.map((n) => Math.floor((n + 2 * padding - kernel) / strides) + 1);
        const cells = placesOf(spatial.map(() => kernel));
        return filled([...lead, ...out], ([n, c, ...at]) =>
          average(
            cells.map((d) => inside(a, [n, c, ...at.map((i, k) => i * strides + d[k] - padding)]) ?? 0),
          ),
        );
      },
    })),
  ),
  "convTranspose with an output padding": windows.chain(
    ({ lead: [n, c], spatial, kernel, strides, padding, extra }) => {
      const outputPadding = Math.min(extra, strides - 1);
      const window = spatial.map(() => kernel);
      return fc.tuple(numbers([n, c, ...spatial]), numbers([c, 2, ...window])).map(([x, k]) => ({
        arrays: [x, k],
        build: ([a, b]) => t.convTranspose(a, b, { strides, padding, outputPadding }),
        means: ([a, b]) => {
          const sizes = spatial.map((m) => (m - 1) * strides - 2 * padding + kernel + outputPadding);
          const fits = (place: readonly number[]) => place.every((i, axis) => i >= 0 && i < sizes[axis]);
          // every entry lays the kernel, times itself, where it stands
          const laid = placesOf(a.shape).flatMap((from) =>
            placesOf([2, ...window]).flatMap(([o, ...d]) => {
              const to = from.slice(2).map((i, axis) => i * strides + d[axis] - padding);
              return fits(to)
                ? [[[from[0], o, ...to], entry(a, from) * entry(b, [from[1], o, ...d])] as const]
                : [];
            }),
          );
          return gathered([n, 2, ...sizes], laid);
        },
      }));
    },
  ),
  "fft of several axes": fc
    .tuple(
      shapes(1, 3),
      fc.constantFrom("backward" as const, "forward" as const, "ortho" as const),
      fc.boolean(),
    )
    .chain(([shape, norm, back]) =>
      fc.tuple(fc.subarray([...shape.keys()], { minLength: 1 }), numbers(shape), numbers(shape)).map(
        ([axes, re, im]): Example => ({
          arrays: [re, im],
          build: ([a, b]) => {
            const z = (back ? t.ifft : t.fft)({ re: a, im: b }, { axes, norm });
            return t.stack([z.re, z.im]);
          },
          means: ([a, b]) => {
            const count = axes.reduce((product, axis) => product * shape[axis], 1);
            const share =
              norm === "ortho" ? 1 / Math.sqrt(count) : (norm === "forward") === back ? 1 : 1 / count;
            const others = placesOf(shape.map((m, axis) => (axes.includes(axis) ? m : 1)));
            return filled([2, ...shape], ([part, ...k]) =>
              total(
                others.map((j) => {
                  const from = k.map((i, axis) => (axes.includes(axis) ? j[axis] : i));
                  const turns = total(axes.map((axis) => (j[axis] * k[axis]) / shape[axis]));
                  const angle = (back ? 2 : -2) * Math.PI * turns;
                  const [x, y] = [entry(a, from), entry(b, from)];
                  return part === 0
                    ? share * (x * Math.cos(angle) - y * Math.sin(angle))
                    : share * (x * Math.sin(angle) + y * Math.cos(angle));
                }),
              ),
            );
          },
        }),
      ),
    ),
  resize: fc
    .tuple(fc.tuple(size, size), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 9 }), fc.boolean())
    .chain(([lead, n, out, alignCorners]) =>
      numbers([...lead, n]).map((x) => ({
        arrays: [x],
        build: ([a]) => t.resize(a, { size: out, mode: "linear", alignCorners }),
        // between the two entries on either side of where the new one stands
        means: ([a]) =>
          filled([...lead, out], ([i, c, k]) => {
            const corners = out > 1 ? (k * (n - 1)) / (out - 1) : 0;
            const at = alignCorners ? corners : Math.max(0, ((k + 0.5) * n) / out - 0.5);
            const below = Math.min(n - 1, Math.floor(at));
            const above = Math.min(n - 1, below + 1);
            const share = Math.min(1, at - below);
            return (1 - share) * entry(a, [i, c, below]) + share * entry(a, [i, c, above]);
          }),
      })),
    ),
};

describe("functions of the tensor room, by loops over entries", () => {
  it.each(Object.keys(functions))("%s", async (name) => {
    const drawn = fc.sample(functions[name], { numRuns: 10, seed: 6 });
    const cases = drawn.map(({ arrays, build }): Case => {
      const traced = (narrow: "float32" | "float64") => {
        const inputs = arrays.map((a, i) => input(`${i}`, a.shape, a.dtype === "float32" ? narrow : a.dtype));
        return { inputs, output: build(inputs) };
      };
      return { feeds: arrays, ...traced("float32"), exact: traced("float64") };
    });
    const want = drawn.map(({ arrays, means }) => means(arrays.map(numbersOf)));
    expect(await wrong(host, cases, want)).toEqual([]);
  });
});
