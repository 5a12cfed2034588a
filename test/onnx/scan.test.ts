import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { NdArray } from "../../src/array/ndarray.ts";
import { lower, lowerFragment, lowerLoop } from "../../src/onnx/index.ts";
import { openInline } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import {
  add,
  fill,
  grad,
  hvp,
  input,
  matmul,
  mean,
  mul,
  scan,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  vjp,
  vmap,
} from "../../src/tensor/index.ts";
import { looped, type Program, programs, summary } from "../tensor/loops.ts";
import { normals } from "../tensor/numbers.ts";

const host = openInline();
afterAll(() => host.close());

const run = async (lowered: Parameters<typeof host.load>[0], feeds: Record<string, NdArray>) =>
  (await host.run(await host.load(lowered), feeds)).outputs as Record<string, NdArray>;

function agree(got: NdArray, want: NdArray, what: string): void {
  expect(got.shape, what).toEqual(want.shape);
  for (let i = 0; i < want.data.length; i++) {
    const [a, b] = [Number(got.data[i]), Number(want.data[i])];
    expect(Math.abs(a - b), `${what}[${i}]: ${a} for ${b}`).toBeLessThanOrEqual(1e-4 * (1 + Math.abs(b)));
  }
}

/** Everything that can be asked of a program: its results, gradients, second derivatives, and of two members at once. */
function asked(program: Program, xs: readonly Tensor[]): Tensor[] {
  const value = (ts: readonly Tensor[]) => summary(looped(program, ts));
  const members = vmap((m: Tensor) => looped(program, xs.with(0, m)))(
    add(fill([2, ...xs[0].shape], 0.5), xs[0]),
  );
  return [...looped(program, xs), ...grad(value)(xs), ...hvp(value)(xs, xs), ...members];
}

test("loops, their gradients and those of their gradients agree with the reference evaluator", async () => {
  const drawn = fc.sample(programs, { numRuns: 12, seed: 11 });
  const inputs: Record<string, Tensor> = {};
  const feeds: Record<string, NdArray> = {};
  const outputs: Record<string, Tensor> = {};
  drawn.forEach((program, p) => {
    const xs = program.shapes.map((shape, i) => {
      feeds[`${p}.${i}`] = normals(shape, p, `value ${i}`);
      inputs[`${p}.${i}`] = input(`${p}.${i}`, shape);
      return inputs[`${p}.${i}`];
    });
    asked(program, xs).forEach((t, i) => {
      outputs[`${p}:${i}`] = t;
    });
  });
  const got = await run(lower({ inputs, outputs }), feeds);
  const values = new Map(Object.entries(inputs).map(([name, t]) => [t, feeds[name]]));
  const want = evaluate(Object.values(outputs), values);
  Object.keys(outputs).forEach((name, i) => {
    agree(got[name], want[i], name);
  });
});

/** A recurrent network of one matrix and a bias, trained by gradient descent on a sequence a step. */
function training() {
  const [w, v, b] = [input("w", [2, 2]), input("v", [2, 2]), input("b", [2])];
  const xs = input("xs", [3, 1, 2]);
  const [last] = scan(
    (h: Tensor, x: Tensor) => [tanh(add(add(matmul(h, w), matmul(x, v)), b)), null] as const,
    fill([1, 2], 0),
    xs,
  );
  const loss = mean(square(sub(last, 0.3)));
  const all = { w, v, b };
  const slopes = vjp([loss], [fill([], 1)], Object.values(all));
  const state = Object.fromEntries(
    Object.entries(all).map(([name, from], i) => [name, { from, to: sub(from, mul(0.5, slopes[i])) }]),
  );
  return { state, scanned: { xs }, shared: {}, collected: { loss } };
}

const begin = {
  w: normals([2, 2], 1, "w"),
  v: normals([2, 2], 1, "v"),
  b: normals([2], 1, "b"),
};

test("a loop within a looped training step computes what single steps do", async () => {
  const spec = training();
  const xs = normals([4, 3, 1, 2], 1, "xs");
  const looped = await run(lowerLoop(spec), { ...begin, xs });
  const single = lowerLoop({ ...spec, length: 1 });
  let state: Record<string, NdArray> = begin;
  for (let t = 0; t < 4; t++) {
    const data = (xs.data as Float32Array).slice(6 * t, 6 * t + 6);
    const left = await run(single, { ...state, xs: { dtype: "float32", shape: [1, 3, 1, 2], data } });
    expect(Number(left.loss.data[0])).toBeCloseTo(Number(looped.loss.data[t]), 5);
    state = { w: left.w, v: left.v, b: left.b };
  }
  for (const name of ["w", "v", "b"]) agree(looped[name], state[name], name);
});

/** The Scan nodes of a graph, outermost. */
const scansOf = (outputs: Record<string, Tensor>, inputs: Record<string, Tensor>) =>
  lowerFragment({ inputs, outputs }).nodes.filter(({ op }) => op === "Scan");

describe("what is said twice is run once", () => {
  const x = input("x", [4, 2]);
  const w = input("w", [2]);
  const run = (f: (h: Tensor) => Tensor) =>
    scan((h: Tensor, row: Tensor) => [add(f(mul(h, w)), row), h] as const, fill([2], 0), x);

  test("equal loops are one, and different ones two", () => {
    const count = (f: (h: Tensor) => Tensor, g: (h: Tensor) => Tensor) =>
      scansOf({ a: run(f)[0], b: run(g)[1] }, { x, w }).length;
    expect(count(tanh, tanh)).toBe(1);
    expect(count(tanh, (h) => tanh(mul(h, 2)))).toBe(2);
  });

  test("a gradient runs its loop once forward and once backward", () => {
    const slope = grad((v: Tensor) => sum(square(mul(run(tanh)[0], v))))(w);
    const inner = grad((v: Tensor) =>
      sum(scan((h: Tensor, row: Tensor) => [tanh(add(mul(h, v), row)), null] as const, fill([2], 0), x)[0]),
    )(w);
    expect(scansOf({ slope }, { x, w }).length).toBe(1);
    expect(scansOf({ inner }, { x, w }).length).toBe(2);
  });

  test("what nothing reads is not carried", () => {
    const [{ a }] = scan(
      (c: { a: Tensor; b: Tensor }, row: Tensor) => [{ a: add(c.a, row), b: mul(c.b, c.a) }, null] as const,
      { a: fill([2], 0), b: fill([2], 1) },
      x,
    );
    const [node] = scansOf({ a }, { x, w });
    expect(node.inputs.length).toBe(2);
    expect(node.outputs.length).toBe(1);
  });
});
