import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { fromNested, type NdArray, type Nested } from "../../src/array/ndarray.ts";
import { lower } from "../../src/onnx/index.ts";
import { openInline } from "../../src/runtime/index.ts";
import * as tensor from "../../src/tensor/index.ts";
import {
  avgPool,
  type Complex,
  complexMul,
  constant,
  conv,
  convTranspose,
  einsum,
  fft,
  grad,
  ifft,
  input,
  irfft,
  maxPool,
  mul,
  prelu,
  type ResizeOptions,
  resize,
  rfft,
  scalar,
  sparsemax,
  sum,
  type Tensor,
  vjp,
} from "../../src/tensor/index.ts";
import { references } from "../methods/small.ts";
import { derivative, literal, normals, numbersOf, shifted, valuesOf } from "./numbers.ts";

const host = openInline();
afterAll(() => host.close());

const flat = (values: Nested): number[] =>
  typeof values === "number" ? [values] : (values as readonly Nested[]).flatMap(flat);

function close(got: ArrayLike<number>, expected: Nested, tolerance: number): void {
  const wanted = flat(expected);
  expect(got.length).toBe(wanted.length);
  wanted.forEach((x, i) => {
    expect(Math.abs(got[i] - x), `entry ${i}: ${got[i]} for ${x}`).toBeLessThanOrEqual(
      tolerance * Math.max(1, Math.abs(x)),
    );
  });
}

/** Results and the gradients of sums of upstream times result: by the evaluator in float64, by ONNX Runtime in float32. */
async function check(
  arrays: readonly Nested[],
  f: (inputs: readonly Tensor[]) => readonly Tensor[],
  upstream: readonly Nested[],
  expected: readonly Nested[],
  tolerance = 1e-12,
): Promise<void> {
  const traced = (inputs: readonly Tensor[]): Tensor[] => {
    const outputs = f(inputs);
    const { dtype } = inputs[0];
    const seeds = upstream.map((u) => constant(fromNested(u, dtype as "float32")));
    return [...outputs, ...vjp(outputs, seeds, inputs)];
  };
  const exact = valuesOf(traced(arrays.map((a) => constant(fromNested(a, "float64")))));
  expected.forEach((want, i) => {
    close(exact[i], want, tolerance);
  });
  const feeds = Object.fromEntries(arrays.map((a, i) => [`x${i}`, fromNested(a) as NdArray]));
  const inputs = Object.fromEntries(Object.entries(feeds).map(([name, a]) => [name, input(name, a.shape)]));
  const results = traced(Object.values(inputs));
  const outputs = Object.fromEntries(results.map((t, i) => [`y${i}`, t]));
  const run = await host.run(await host.load(lower({ inputs, outputs })), feeds);
  expected.forEach((want, i) => {
    close((run.outputs[`y${i}`] as NdArray).data as Float32Array, want, 2e-5);
  });
}

interface Case {
  readonly name: string;
  readonly inputs: Readonly<Record<string, Nested>>;
  readonly output: Nested;
  readonly gradients: Readonly<Record<string, Nested>>;
}

const named = <C extends { readonly name: string }>(file: string) =>
  references<C>(file).cases.map((c) => [c.name, c] as const);

interface WindowCase extends Case {
  readonly op: string;
  readonly options: Readonly<Record<string, number | readonly number[]>>;
}

describe("windows, as PyTorch's", () => {
  it.each(named<WindowCase>("windows"))("%s", async (_, { op, options, inputs, output, gradients }) => {
    const { stride, kernel_size: size, output_padding: outputPadding, groups, ...rest } = options;
    const geometry = { ...rest, strides: stride ?? 1 } as object;
    const more = { ...geometry, groups: (groups ?? 1) as number };
    const { upstream, ...arrays } = inputs;
    const f = ([x, kernel]: readonly Tensor[]) => {
      if (op === "conv3d") return conv(x, kernel, more);
      if (op.startsWith("conv_")) return convTranspose(x, kernel, { ...more, outputPadding });
      return (op === "max_pool3d" ? maxPool : avgPool)(x, size, geometry);
    };
    await check(Object.values(arrays), (all) => [f(all)], [upstream], [output, ...Object.values(gradients)]);
  });

  it("refuse an output padding as large as the stride", () => {
    const [x, kernel] = [literal([1, 1, 2], 1, 2), literal([1, 1, 2], 1, 1)];
    expect(() => convTranspose(x, kernel, { strides: 2, outputPadding: 2 })).toThrow(
      expect.objectContaining({ code: "bad-shape", culprit: "outputPadding" }),
    );
  });
});

interface ActivationCase extends Case {
  readonly options: Readonly<Record<string, number>>;
}

describe("activations, as PyTorch's", () => {
  it.each(named<ActivationCase>("activations"))(
    "%s",
    async (name, { options, inputs, output, gradients }) => {
      const of = (tensor as unknown as Record<string, (x: Tensor, ...more: number[]) => Tensor>)[name];
      const f = ([x, slope]: readonly Tensor[]) =>
        name === "prelu" ? prelu(x, slope) : of(x, ...Object.values(options));
      const ones = (a: Nested): Nested => (typeof a === "number" ? 1 : (a as readonly Nested[]).map(ones));
      await check(
        Object.values(inputs),
        (all) => [f(all)],
        [ones(output)],
        [output, ...Object.values(gradients)],
        // PyTorch's slope of hardsigmoid is 1 / 6 in float32
        1e-8,
      );
    },
  );

  it("sparsemax, by hand and by its conditions", () => {
    // (0.9 + 0.6 - 1) / 2 = 0.25 is taken off the two largest
    close(numbersOf(sparsemax(literal([3], 0.9, -1, 0.6))), [0.65, 0, 0.35], 1e-7);
    close(numbersOf(sparsemax(literal([3], 3, 1, 1.5))), [1, 0, 0], 0);
    close(numbersOf(sparsemax(literal([2, 2], 1, 5, 1, 5), 0)), [0.5, 0.5, 0.5, 0.5], 0);
    const weights = literal([5], 1, -2, 0.5, 3, 1);
    const x = input("x", [5]);
    const value = sum(mul(weights, sparsemax(x)));
    const slope = (at: NdArray<"float32">, d: NdArray<"float32">) =>
      numbersOf(sum(mul(vjp([value], [scalar(1)], [x])[0], constant(d))), new Map([[x, at]]))[0];
    for (let seed = 0; seed < 20; seed++) {
      const [at, d] = [normals([5], seed, "at"), normals([5], seed, "d")];
      const p = numbersOf(sparsemax(constant(at)));
      expect(p.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
      expect(p.every((v) => v >= 0)).toBe(true);
      const line = derivative((t) => numbersOf(value, new Map([[x, shifted(at, [t, d])]]))[0]);
      expect(slope(at, d)).toBeCloseTo(line, 6);
    }
  });

  it("gates refuse an odd axis", () => {
    expect(() => tensor.glu(literal([3], 1, 2, 3))).toThrow(expect.objectContaining({ culprit: "axis" }));
  });
});

interface ResizeCase extends Case {
  readonly options: ResizeOptions;
}

describe("resize, as PyTorch's interpolate", () => {
  it.each(named<ResizeCase>("resize"))("%s", async (_, { options, inputs, output, gradients }) => {
    await check([inputs.x], ([x]) => [resize(x, options)], [inputs.upstream], [output, gradients.x]);
  });

  it("takes one of size and scale, and whole sizes", () => {
    const x = literal([1, 1, 2], 1, 2);
    for (const options of [{}, { size: 2, scale: 1 }, { size: 0 }, { scale: 0.1 }])
      expect(() => resize(x, options)).toThrow(
        expect.objectContaining({ code: "bad-shape", culprit: "resize" }),
      );
  });
});

interface SumCase extends Omit<Case, "inputs" | "gradients"> {
  readonly subscripts: string;
  readonly inputs: { readonly operands: readonly Nested[]; readonly upstream: Nested };
  readonly gradients: readonly Nested[];
}

describe("einsum, as NumPy's and PyTorch's", () => {
  it.each(named<SumCase>("einsum"))("%s", async (_, { subscripts, inputs, output, gradients }) => {
    await check(
      inputs.operands,
      (all) => [einsum(subscripts, ...all)],
      [inputs.upstream],
      [output, ...gradients],
    );
  });

  it("is the sum over all indices of the products, for any names and sizes", () => {
    const names = fc.array(fc.constantFrom<string>("a", "b", "c", "d"), { minLength: 1, maxLength: 3 });
    const drawn = fc.record({
      lists: fc.array(names, { minLength: 1, maxLength: 4 }),
      sizes: fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 1, max: 3 }))),
      kept: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    });
    fc.assert(
      fc.property(drawn, ({ lists, sizes, kept }) => {
        const all: string[] = ["a", "b", "c", "d"];
        const used = all.filter((name) => lists.some((list) => list.some((other) => other === name)));
        const result = used.filter((name) => kept[all.indexOf(name)]).reverse();
        const size = (name: string) => sizes[all.indexOf(name)];
        const arrays = lists.map((list, i) => normals(list.map(size), i, list.join()));
        const want = new Float64Array(result.reduce((n, name) => n * size(name), 1));
        const at = new Map<string, number>();
        const flatAt = (list: readonly string[]) =>
          list.reduce((n, name) => n * size(name) + (at.get(name) as number), 0);
        const walk = (depth: number) => {
          if (depth === used.length)
            want[flatAt(result)] += lists.reduce((p, list, i) => p * arrays[i].data[flatAt(list)], 1);
          else
            for (let i = 0; i < size(used[depth]); i++) {
              at.set(used[depth], i);
              walk(depth + 1);
            }
        };
        walk(0);
        const text = `${lists.map((list) => list.join("")).join(",")}->${result.join("")}`;
        close(numbersOf(einsum(text, ...arrays.map(constant))), Array.from(want), 1e-10);
      }),
      { seed: 20240607, numRuns: 60 },
    );
  });

  it("never makes what a better order avoids: a chain of matrices before a vector", () => {
    const matrix = input("matrix", [40, 40]);
    const vector = input("vector", [40]);
    const chain = einsum("ab,bc,cd,d->a", matrix, matrix, matrix, vector);
    const largest = tensor
      .ancestors([chain])
      .filter((node) => node.op === "matmul" || node.op === "mul")
      .map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    expect(Math.max(...largest)).toBe(40);
  });

  it("refuses what does not fit", () => {
    const [a, b] = [literal([2, 3], 1, 2, 3, 4, 5, 6), literal([2, 2], 1, 2, 3, 4)];
    for (const [text, ...operands] of [
      ["ij,jk->ik", a, b],
      ["ij", a, b],
      ["ijk", a],
      ["ij->k", a],
      ["ij->ii", a],
      ["i1", a],
      ["...ijk", a],
      ["ij->ij->", a],
    ] as const)
      expect(() => einsum(text, ...operands), text).toThrow(
        expect.objectContaining({ code: "bad-shape", culprit: "einsum" }),
      );
  });
});

type Parts = Readonly<Record<string, Nested>>;
interface FourierCase extends Omit<Case, "inputs" | "output"> {
  readonly op: "fft" | "ifft" | "rfft" | "irfft";
  readonly options: { readonly axes: readonly number[]; readonly norm: "forward"; readonly size?: number };
  readonly inputs: { readonly x: Parts; readonly upstream: Parts };
  readonly output: Parts;
}

describe("Fourier transforms, as PyTorch's", () => {
  it.each(named<FourierCase>("fourier"))("%s", async (_, { op, options, inputs, output, gradients }) => {
    const f = ([re, im]: readonly Tensor[]): readonly Tensor[] => {
      if (op === "rfft") return Object.values(rfft(re, options));
      if (op === "irfft") return [irfft({ re, im }, options)];
      return Object.values((op === "fft" ? fft : ifft)({ re, im }, options));
    };
    const [x, upstream, y, g] = [inputs.x, inputs.upstream, output, gradients].map((p) => Object.values(p));
    await check(x, f, upstream, [...y, ...g]);
  });

  it("of every length are their definition, and undone by their inverse", () => {
    for (const n of [1, 2, 3, 64, 65, 66, 67, 97, 128, 130, 210, 243, 256, 289, 1000, 1009]) {
      const [re, im] = [normals([n], n, "re"), normals([n], n, "im")].map((a) => ({
        ...a,
        dtype: "float64" as const,
        data: Float64Array.from(a.data),
      }));
      const z = { re: constant(re), im: constant(im) };
      const y = fft(z);
      const [yr, yi] = valuesOf([y.re, y.im]);
      for (const k of [0, 1 % n, Math.floor(n / 2), n - 1]) {
        let [a, b] = [0, 0];
        for (let j = 0; j < n; j++) {
          const turn = (-2 * Math.PI * ((j * k) % n)) / n;
          a += re.data[j] * Math.cos(turn) - im.data[j] * Math.sin(turn);
          b += re.data[j] * Math.sin(turn) + im.data[j] * Math.cos(turn);
        }
        close([yr[k], yi[k]], [a, b], 1e-10);
      }
      const back = ifft(y);
      close(numbersOf(back.re), Array.from(re.data), 1e-12);
      close(numbersOf(back.im), Array.from(im.data), 1e-12);
      close(numbersOf(irfft(rfft(z.re), { size: n })), Array.from(re.data), 1e-12);
    }
  });

  it("turn a circular convolution into a product", () => {
    const [a, b] = [literal([4], 1, 2, 3, 4), literal([4], 1, 0, -1, 2)];
    const c = ifft(complexMul(fft(a), fft(b)));
    // entry k: sum over j of a_j b_(k - j)
    close(numbersOf(c.re), [1 + 4 - 3, 2 + 6 - 4, 3 - 1 + 8, 4 + 2 - 2], 1e-6);
  });

  it("go through grad as trees", () => {
    // sum |X|^2 = n sum |x|^2
    const power = (z: Complex) => {
      const { re, im } = fft(z);
      return sum(tensor.add(tensor.square(re), tensor.square(im)));
    };
    const g = grad(power)({ re: literal([3], 1, 2, 3), im: literal([3], 0, -1, 1) });
    close(numbersOf(g.re), [6, 12, 18], 1e-6);
    close(numbersOf(g.im), [0, -6, 6], 1e-6);
  });

  it("refuse a size that rfft did not see", () => {
    const x = literal([3], 1, 2, 3);
    expect(() => irfft({ re: x, im: x }, { size: 7 })).toThrow(expect.objectContaining({ culprit: "size" }));
  });
});
