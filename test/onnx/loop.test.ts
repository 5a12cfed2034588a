import { afterAll, describe, expect, test } from "vitest";
import { fromNested, type NdArray, ndarray } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import { type LoopSpec, lower, lowerLoop } from "../../src/onnx/index.ts";
import { openInline } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import {
  add,
  cast,
  constant,
  cumsum,
  div,
  exp,
  fill,
  gather,
  input,
  matmul,
  mean,
  mul,
  pow,
  relu,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  vjp,
} from "../../src/tensor/index.ts";

const host = openInline();
afterAll(() => host.close());

/** Gradient descent with momentum on a small regression, rows picked by index from shared data. */
function regression(): Omit<LoopSpec, "length"> & { readonly loss: Tensor } {
  const data = input("data", [6, 3]);
  const target = input("target", [6, 1]);
  const index = input("index", [4], "int32");
  const weight = input("weight", [3, 1]);
  const velocity = input("velocity", [3, 1]);
  const count = input("count", [], "int32");
  const scaled = mul(data, exp(mean(data)));
  const loss = mean(square(sub(matmul(gather(scaled, index), weight), gather(target, index))));
  const [gradient] = vjp([loss], [fill([], 1)], [weight]);
  const next = add(mul(velocity, 0.9), gradient);
  return {
    state: {
      weight: { from: weight, to: sub(weight, mul(next, 0.05)) },
      velocity: { from: velocity, to: next },
      count: { from: count, to: add(count, 1) },
    },
    scanned: { index },
    shared: { data, target },
    collected: { loss, norm: sum(square(gradient)) },
    loss,
  };
}

const rows = [0, 3, 1, 5, 2, 2, 4, 0, 1, 3, 5, 4, 0, 1, 2, 3, 5, 4, 3, 2];
const start: Record<string, NdArray> = {
  data: fromNested([
    [0.5, -1, 0.2],
    [1.5, 0.3, -0.7],
    [-0.4, 0.9, 1.1],
    [0.1, 0.2, -0.3],
    [-1.2, 0.6, 0.4],
    [0.8, -0.5, 0.9],
  ]),
  target: fromNested([[1], [0.5], [-0.5], [0.2], [-1], [0.7]]),
  weight: fromNested([[0.1], [-0.2], [0.3]]),
  velocity: fromNested([[0], [0], [0]]),
  count: ndarray("int32", [], Int32Array.of(0)),
};
const indices = (from: number, to: number): NdArray =>
  ndarray("int32", [to - from, 4], Int32Array.from(rows.slice(4 * from, 4 * to)));

async function run(spec: LoopSpec, feeds: Record<string, NdArray>): Promise<Record<string, NdArray>> {
  const program = await host.load(lowerLoop(spec));
  return (await host.run(program, feeds)).outputs as Record<string, NdArray>;
}

import { type ReadGraph, readModel } from "./read.ts";

describe("lowerLoop", () => {
  test("five steps in one run, in five runs, and by the reference evaluator are the same", async () => {
    const spec = regression();
    const atOnce = await run(spec, { ...start, index: indices(0, 5) });
    const fixed = await run({ ...spec, length: 5 }, { ...start, index: indices(0, 5) });
    let singly = start;
    let looped = start;
    let byReference = start;
    const losses: number[] = [];
    for (let i = 0; i < 5; i++) {
      const index = indices(i, i + 1);
      singly = { ...start, ...(await run({ ...spec, length: 1 }, { ...singly, index })) };
      looped = { ...start, ...(await run(spec, { ...looped, index })) };
      losses.push(Number(singly.loss.data[0]));
      expect(singly.loss.shape).toEqual([1]);
      byReference = { ...start, ...referenceStep(spec, { ...byReference, index: { ...index, shape: [4] } }) };
    }
    expect(Array.from(atOnce.loss.data as Float32Array)).toEqual(losses);
    for (const name of ["weight", "velocity", "count"]) {
      expect(singly[name].data).toEqual(atOnce[name].data);
      expect(looped[name].data).toEqual(atOnce[name].data);
      expect(fixed[name].data).toEqual(atOnce[name].data);
      Array.from(byReference[name].data, Number).forEach((x, i) => {
        expect(Number(atOnce[name].data[i])).toBeCloseTo(x, 5);
      });
    }
  });

  test("what is the same for all steps is computed once, outside the loop", () => {
    const x = input("x", [3]);
    const s = input("s", [3]);
    const { bytes, nodeCount } = lowerLoop({
      length: 4,
      state: { s: { from: s, to: add(s, exp(relu(x))) } },
      scanned: {},
      shared: { x },
      collected: {},
    });
    const { graph } = readModel(bytes);
    expect(graph.nodes.map(({ op }) => op)).toEqual(["Relu", "Exp", "Scan"]);
    const body = graph.nodes[2].attributes.body as ReadGraph;
    expect(body.nodes.map(({ op }) => op)).toEqual(["Add"]);
    expect(nodeCount).toBe(4);
  });

  test("a loop may have no scanned inputs, constant results and state that stays", async () => {
    const a = input("a", [2]);
    const b = input("b", [2]);
    const spec: LoopSpec = {
      length: 3,
      state: {
        a: { from: a, to: add(a, b) },
        b: { from: b, to: b },
        c: { from: input("c", [2]), to: constant(fromNested([7, 8])) },
      },
      scanned: {},
      shared: {},
      collected: { b, doubled: mul(a, 2), one: fill([], 1) },
    };
    const feeds = { a: fromNested([1, 2]), b: fromNested([10, 20]), c: fromNested([0, 0]) };
    const out = await run(spec, feeds);
    expect(Array.from(out.a.data as Float32Array)).toEqual([31, 62]);
    expect(Array.from(out.b.data as Float32Array).slice(0, 2)).toEqual([10, 20]);
    expect(Array.from(out.c.data as Float32Array)).toEqual([7, 8]);
    expect(Array.from(out.doubled.data as Float32Array)).toEqual([2, 4, 22, 44, 42, 84]);
    expect(Array.from(out.one.data as Float32Array)).toEqual([1, 1, 1]);
  });

  test("arrays that are updated alike travel in one vector, with the same numbers", async () => {
    const shapes = { w: [3, 4], v: [5], b: [1], large: [2 ** 15 + 1] };
    const decay = input("decay", []);
    const names = Object.keys(shapes);
    const places = Object.entries(shapes).flatMap(([name, shape]) =>
      [name, `m.${name}`].map((path) => [path, input(path, shape)] as const),
    );
    const from = Object.fromEntries(places);
    // each gradient is computed differently, and each momentum and array is updated alike
    const gradients = [from.w, square(from.v), exp(from.b), relu(from.large)].map((x) => cumsum(x));
    const state = Object.fromEntries(
      names.flatMap((name, i) => {
        const to = add(mul(from[`m.${name}`], decay), gradients[i]);
        return [
          [name, { from: from[name], to: sub(from[name], mul(0.1, to)) }],
          [`m.${name}`, { from: from[`m.${name}`], to }],
        ];
      }),
    );
    const total = add(sum(from.w), add(sum(from.v), sum(from.large)));
    const spec: LoopSpec = { state, scanned: {}, shared: { decay }, collected: { total } };
    const random = stream(5);
    const feeds = Object.fromEntries([
      ...places.map(([path, { shape }]) => [
        path,
        ndarray("float32", shape, Float32Array.from(random.split(path).normal(shape).data)),
      ]),
      ["decay", ndarray("float32", [], Float32Array.of(0.9))],
    ]);
    const packed = await run({ ...spec, length: 3 }, feeds);
    let singly = feeds;
    for (let i = 0; i < 3; i++) singly = { ...feeds, ...(await run({ ...spec, length: 1 }, singly)) };
    for (const { name } of lowerLoop({ ...spec, length: 3 }).outputs)
      if (name !== "total") expect(packed[name].data).toEqual(singly[name].data);

    const { graph } = readModel(lowerLoop({ ...spec, length: 3 }).bytes);
    const body = graph.nodes.find(({ op }) => op === "Scan")?.attributes.body as ReadGraph;
    const count = (op: string) => body.nodes.filter((node) => node.op === op).length;
    expect(graph.nodes.filter(({ op }) => op === "Concat")).toHaveLength(2);
    expect([count("Concat"), count("Split"), count("Sub")]).toEqual([1, 1, 2]);
  });

  test.each([undefined, 3])(
    "what follows from the step's number is computed ahead (length %s)",
    async (length) => {
      const count = input("count", [], "int32");
      const w = input("w", [2]);
      const base = input("base", []);
      const x = input("x", []);
      const t = add(cast(count, "float32"), 1);
      // read by the step, and noted down as it is
      const rate = div(sqrt(t), sub(1, pow(base, t)));
      const spec: LoopSpec = {
        length,
        state: {
          count: { from: count, to: add(count, 2) },
          w: { from: w, to: sub(w, mul(mul(rate, x), w)) },
        },
        scanned: { x },
        shared: { base },
        collected: { t, double: mul(rate, 2) },
      };
      const { graph } = readModel(lowerLoop(spec).bytes);
      const body = graph.nodes.find(({ op }) => op === "Scan")?.attributes.body as ReadGraph;
      expect(graph.nodes.map(({ op }) => op)).toEqual(expect.arrayContaining(["Range", "Pow", "Sqrt"]));
      expect(body.nodes.map(({ op }) => op).sort()).toEqual(["Add", "Add", "Mul", "Mul", "Mul", "Sub"]);

      const scalar = (value: number) => ndarray("float32", [], Float32Array.of(value));
      const begin = {
        count: ndarray("int32", [], Int32Array.of(5)),
        w: fromNested([1, -2]),
        base: scalar(0.9),
      };
      const together = await run(spec, { ...begin, x: fromNested([0.1, 0.2, 0.3]) });
      let singly: Record<string, NdArray> = begin;
      const noted: number[] = [];
      for (const value of [0.1, 0.2, 0.3]) {
        singly = { ...begin, ...(await run({ ...spec, length: 1 }, { ...singly, x: fromNested([value]) })) };
        noted.push(Number(singly.double.data[0]));
      }
      expect(together.w.data).toEqual(singly.w.data);
      expect(Array.from(together.double.data as Float32Array)).toEqual(noted);
      expect(Array.from(together.t.data as Float32Array)).toEqual([6, 8, 10]);
      expect(Number(together.count.data[0])).toBe(11);
    },
  );

  test("refuses a loop of unknown length, and placeholders that are not listed", () => {
    const a = input("a", [2]);
    const b = input("b", [2]);
    const spec = { state: { a: { from: a, to: add(a, b) } }, scanned: {}, shared: { b }, collected: {} };
    expect(() => lowerLoop(spec)).toThrow(/number of steps/);
    expect(() => lowerLoop({ ...spec, length: 2, shared: {} })).toThrow(/"b".*not among its inputs/);
    expect(() => lower({ inputs: { a }, outputs: { y: add(a, b) } })).toThrow(/"b".*not among its inputs/);
  });
});

function referenceStep(
  { state, scanned, shared }: Omit<LoopSpec, "length">,
  feeds: Record<string, NdArray>,
): Record<string, NdArray> {
  const from = Object.entries(state).map(([name, s]) => [name, s.from] as const);
  const given = [...from, ...Object.entries(scanned), ...Object.entries(shared)];
  const names = Object.keys(state);
  const values = evaluate(
    names.map((name) => state[name].to),
    new Map(given.map(([name, t]) => [t, feeds[name]])),
  );
  return Object.fromEntries(names.map((name, i) => [name, values[i]]));
}
