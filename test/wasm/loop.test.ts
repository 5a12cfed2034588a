import { afterAll, describe, expect, test } from "vitest";
import { fromNested, type NdArray, ndarray } from "../../src/array/ndarray.ts";
import { OckhamError } from "../../src/error.ts";
import { type LoopSpec, type Lowered, lowerLoop } from "../../src/onnx/index.ts";
import { openInline } from "../../src/runtime/index.ts";
import {
  add,
  cast,
  constant,
  div,
  exp,
  fill,
  fold,
  gather,
  input,
  matmul,
  mean,
  mul,
  normal,
  pow,
  sqrt,
  square,
  sub,
  sum,
  tanh,
  vjp,
} from "../../src/tensor/index.ts";
import { compileLoop, lowerSmallLoop } from "../../src/wasm/index.ts";

const host = openInline();
afterAll(() => host.close());

type Arrays = Readonly<Record<string, NdArray>>;

const run = async (lowered: Lowered, feeds: Arrays): Promise<Arrays> =>
  (await host.run(await host.load(lowered), feeds)).outputs as Arrays;

const program = (spec: LoopSpec): Lowered => (compileLoop(spec) as { lowered: Lowered }).lowered;

/** A network of two layers that is trained by Adam's steps on rows picked by index, with noise of its own in each step. */
function network(): LoopSpec {
  const data = input("data", [6, 3]);
  const target = input("target", [6, 2]);
  const key = input("key", [2], "uint32");
  const index = input("index", [4], "int32");
  const count = input("count", [], "int32");
  const weights = { first: input("first", [5, 3]), second: input("second", [5, 2]) };
  const squares = { first: input("squares/first", [5, 3]), second: input("squares/second", [5, 2]) };
  const whitened = div(data, sqrt(mean(square(data), { axes: [0], keep: true })));
  const noise = mul(0.1, normal(fold({ tensor: key }, count), [4, 3]));
  const x = add(gather(whitened, index), noise);
  const hidden = tanh(matmul(x, weights.first, { transposeB: true }));
  const loss = mean(square(sub(matmul(hidden, weights.second), gather(target, index))));
  const gradients = vjp([loss], [fill([], 1)], [weights.first, weights.second]);
  const bias = sub(1, pow(0.99, add(cast(count, "float32"), 1)));
  const names = ["first", "second"] as const;
  const moments = names.map((name, i) => add(mul(squares[name], 0.99), mul(square(gradients[i]), 0.01)));
  return {
    state: {
      ...Object.fromEntries(
        names.flatMap((name, i) => [
          [
            name,
            {
              from: weights[name],
              to: sub(weights[name], mul(0.02, div(gradients[i], add(sqrt(div(moments[i], bias)), 1e-8)))),
            },
          ],
          [`squares/${name}`, { from: squares[name], to: moments[i] }],
        ]),
      ),
      count: { from: count, to: add(count, 1) },
    },
    scanned: { index },
    shared: { data, target, key },
    collected: { loss, norm: sum(square(gradients[0])) },
  };
}

const wave = (shape: readonly number[], from: number): NdArray =>
  ndarray(
    "float32",
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(from + 1.7 * i)),
  );
const rows = [0, 3, 1, 5, 2, 2, 4, 0, 1, 3, 5, 4, 0, 1, 2, 3, 5, 4, 3, 2];
const indices = (from: number, to: number): NdArray =>
  ndarray("int32", [to - from, 4], Int32Array.from(rows.slice(4 * from, 4 * to)));
const start: Arrays = {
  data: wave([6, 3], 1),
  target: wave([6, 2], 2),
  key: ndarray("uint32", [2], Uint32Array.of(7, 9)),
  first: wave([5, 3], 3),
  second: wave([5, 2], 4),
  "squares/first": ndarray("float32", [5, 3], new Float32Array(15)),
  "squares/second": ndarray("float32", [5, 2], new Float32Array(10)),
  count: ndarray("int32", [], Int32Array.of(0)),
};

const expectClose = (got: Arrays, want: Arrays) => {
  expect(Object.keys(got).sort()).toEqual(Object.keys(want).sort());
  for (const [name, { data, shape }] of Object.entries(want)) {
    expect(got[name].shape, name).toEqual(shape);
    Array.from(data, Number).forEach((x, i) => {
      expect(Math.abs(Number(got[name].data[i]) - x), `${name}[${i}]`).toBeLessThan(2e-5 * (1 + Math.abs(x)));
    });
  }
};

describe("a loop as a program", () => {
  test("does what ONNX Runtime does", async () => {
    const feeds = { ...start, index: indices(0, 5) };
    expectClose(await run(program(network()), feeds), await run(lowerLoop(network()), feeds));
  });

  test("five steps in one run and in five runs are the same to the bit", async () => {
    const own = program(network());
    const atOnce = await run(own, { ...start, index: indices(0, 5) });
    let singly: Arrays = start;
    const losses: number[] = [];
    for (let i = 0; i < 5; i++) {
      singly = { ...start, ...(await run(own, { ...singly, index: indices(i, i + 1) })) };
      losses.push(Number(singly.loss.data[0]));
    }
    expect(Array.from(atOnce.loss.data, Number)).toEqual(losses);
    for (const name of ["first", "second", "squares/first", "count"])
      expect(singly[name].data, name).toEqual(atOnce[name].data);
  });

  test("state may stay, change places, become a literal, and be what another is", async () => {
    const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map((name) => input(name, [3]));
    const sum3 = add(add(a, b), c);
    const spec: LoopSpec = {
      length: 3,
      state: {
        a: { from: a, to: b },
        b: { from: b, to: a },
        c: { from: c, to: c },
        d: { from: d, to: constant(fromNested([7, 8, 9])) },
        e: { from: e, to: sum3 },
      },
      scanned: {},
      shared: {},
      collected: { sum3, d, one: fill([2], 1), scaled: exp(mul(c, 0.5)) },
    };
    const feeds = Object.fromEntries(["a", "b", "c", "d", "e"].map((name, i) => [name, wave([3], i)]));
    expectClose(await run(program(spec), feeds), await run(lowerLoop(spec), feeds));
  });

  test("a run may have more steps than the one before it", async () => {
    const own = program(network());
    const repeated = (times: number) =>
      ndarray(
        "int32",
        [times, 4],
        Int32Array.from({ length: 4 * times }, (_, i) => rows[i % rows.length]),
      );
    const few = await run(own, { ...start, index: repeated(3) });
    const many = await run(own, { ...start, index: repeated(20_000) });
    expect(Array.from(many.loss.data.slice(0, 3), Number)).toEqual(Array.from(few.loss.data, Number));
  });

  test("an index without a row names the operation and the line", async () => {
    const wrong = ndarray("int32", [1, 4], Int32Array.of(0, 1, 6, 2));
    const error = await run(program(network()), { ...start, index: wrong }).catch((e) => e);
    expect(error).toBeInstanceOf(OckhamError);
    expect(error.code).toBe("runtime");
    expect(error.message).toMatch(/gather at .*loop\.test\.ts.*out of bounds/);
  });

  test("is taken where it is faster: by small steps, not by large ones", () => {
    expect(lowerSmallLoop(network()).small?.()).toBeDefined();
    const x = input("x", [512, 512]);
    const large = { state: { x: { from: x, to: matmul(x, x) } }, scanned: {}, shared: {}, collected: {} };
    expect(lowerSmallLoop({ ...large, length: 2 }).small?.()).toBeUndefined();
  });
});
