/** What the tests do in a page, by name: `window.jobs`. Everything that comes back is plain data. */
import { fromNested, type NdArray, ndarray } from "../../src/array/ndarray.ts";
import { OckhamError, openHost, openInline, openModel, openPool, tensor } from "../../src/browser.ts";
import { lower, lowerLoop } from "../../src/onnx/index.ts";
import type { Handle, Host, HostOptions } from "../../src/runtime/browser.ts";
import { learnDigits } from "./digits.ts";

const { add, gather, grad, input, matmul, mul, relu, square, sub, sum, tanh } = tensor;

const x = input("x", [2]);
const counting = lower({ inputs: { x }, outputs: { x: add(x, 1), total: sum(x) } });

/** Steps of a product of two 512 x 512 matrices, so that a run takes as long as one likes. */
const matrix = input("matrix", [512, 512]);
const step = input("step", []);
const slow = lowerLoop({
  state: { matrix: { from: matrix, to: tanh(add(matmul(matrix, matrix), step)) } },
  scanned: { step },
  shared: {},
  collected: {},
});
const slowFeeds = (steps: number) => ({
  matrix: ndarray("float32", [512, 512], new Float32Array(512 * 512)),
  step: ndarray("float32", [steps], new Float32Array(steps)),
});

const numbers = (value: NdArray | Handle): number[] => Array.from((value as NdArray).data, Number);

/** How a promise fails, as plain data; undefined when it does not. */
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => {
      const { code, culprit, hint, message } = error as OckhamError;
      return { own: error instanceof OckhamError, code, culprit, hint, message };
    },
  );

/** Ticks of a timer of 5 ms while something is under way. */
async function ticking<T>(job: Promise<T>): Promise<{ readonly result: T; readonly ticks: number }> {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const result = await job;
  clearInterval(timer);
  return { result, ticks };
}

/** A host that several jobs share: a worker takes a while to start. */
let shared: Host | undefined;
function common(): Host {
  shared ??= openHost();
  return shared;
}

const digits = async () => (await fetch("digits.csv")).text();

const jobs = {
  /** Trains on the digits; the page's timer ticks meanwhile. */
  async learn(options: HostOptions, epochs?: number) {
    const host = openHost(options);
    const { result, ticks } = await ticking(learnDigits(await digits(), host, { epochs }));
    const { setup } = host;
    const { tensors } = await host.memory();
    await host.close();
    return { ...result, ticks, setup, tensors };
  },

  async learnInline(options: HostOptions) {
    const host = openInline(options);
    return { ...(await learnDigits(await digits(), host)), setup: host.setup };
  },

  /** Feeds state back by handles, and gives it back. */
  async state() {
    const host = common();
    const program = await host.load(counting);
    const before = await host.memory();
    const totals: number[] = [];
    let state = await host.put(fromNested([0, 10]));
    for (let i = 0; i < 5; i++) {
      const { outputs } = await host.run(program, { x: state }, { keep: ["x"] });
      totals.push(...numbers(outputs.total));
      await host.release(state);
      state = outputs.x as Handle;
    }
    const held = await host.memory();
    const values = numbers(await host.get(state));
    // what was fetched can be fed again
    const again = numbers((await host.run(program, { x: state })).outputs.total);
    await host.release(state);
    const after = await host.memory();
    const released = await failure(host.get(state));
    return { totals, values, again, before, held, after, released };
  },

  /** Gradient descent on a line through points, its weights fed back by a handle: the losses. */
  async descend(options: HostOptions) {
    const [points, targets, weights] = [
      input("points", [4, 2]),
      input("targets", [4, 1]),
      input("weights", [2, 1]),
    ];
    const lossAt = (w: tensor.Tensor) => sum(square(sub(matmul(points, w), targets)));
    const loss = lossAt(weights);
    const next = sub(weights, mul(0.05, grad(lossAt)(weights)));
    const program = lower({ inputs: { points, targets, weights }, outputs: { weights: next, loss } });
    const host = openHost(options);
    const loaded = await host.load(program);
    const feeds = {
      points: await host.put(ndarray("float32", [4, 2], Float32Array.of(1, 2, -1, 0.5, 0, 1, 2, -1))),
      targets: ndarray("float32", [4, 1], Float32Array.of(1, 0, 2, -1)),
    };
    let state = await host.put(ndarray("float32", [2, 1], Float32Array.of(0.3, -0.2)));
    const losses: number[] = [];
    for (let i = 0; i < 4; i++) {
      const { outputs } = await host.run(loaded, { ...feeds, weights: state }, { keep: ["weights"] });
      losses.push(...numbers(outputs.loss));
      await host.release(state);
      state = outputs.weights as Handle;
    }
    const held = await host.memory();
    const weighed = numbers(await host.get(state));
    await host.release(state, feeds.points);
    const left = await host.memory();
    await host.close();
    return { losses, weights: weighed, held, left };
  },

  /** The caller's arrays and the host's are never the same memory. */
  async copies() {
    const host = common();
    const array = fromNested([1, 2]);
    const handle = await host.put(array);
    array.data[0] = 99;
    const got = await host.get(handle);
    (got.data as Float32Array)[1] = 99;
    const program = await host.load(counting);
    const whole = new Float32Array([5, 6, 7, 8]);
    const part = ndarray("float32", [2], whole.subarray(1, 3));
    const { outputs } = await host.run(program, { x: part });
    const values = numbers(await host.get(handle));
    return { values, whole: Array.from(whole), total: numbers(outputs.total) };
  },

  /** Calls made without waiting are done in order, and equal graphs are loaded once. */
  async order() {
    const host = common();
    const graph = () => lower({ inputs: { x }, outputs: { total: sum(mul(x, 3)) } });
    const { programs: before } = await host.memory();
    const [a, b] = await Promise.all([host.load(graph()), host.load(graph())]);
    const runs = await Promise.all([1, 2, 3].map((v) => host.run(a, { x: fromNested([v, v]) })));
    const { programs } = await host.memory();
    return {
      same: a.id === b.id,
      loaded: programs - before,
      totals: runs.map(({ outputs }) => numbers(outputs.total)[0]),
    };
  },

  /** Closes in the middle of a run. */
  async closing() {
    const host = openHost();
    const program = await host.load(slow);
    const running = failure(host.run(program, slowFeeds(100_000)));
    const waiting = failure(host.put(fromNested([1])));
    const { ticks } = await ticking(new Promise((resolve) => setTimeout(resolve, 300)));
    await host.close();
    return { ticks, running: await running, waiting: await waiting, later: await failure(host.memory()) };
  },

  /** An error inside ONNX Runtime. */
  async failing() {
    const host = common();
    const table = input("table", [3, 2]);
    const rows = input("rows", [1], "int32");
    const picked = pickRows(table, rows);
    const program = await host.load(lower({ inputs: { table, rows }, outputs: { y: mul(relu(picked), 2) } }));
    const feeds = {
      table: ndarray("float32", [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)),
      rows: ndarray("int32", [1], Int32Array.of(7)),
    };
    const failed = await failure(host.run(program, feeds));
    const unfit = await failure(host.run(program, { ...feeds, rows: fromNested([1, 2]) }));
    return { failed, unfit };
  },

  /** Many hosts, by way of a pool. */
  async pool() {
    const pool = openPool(2);
    const sums = await Promise.all(
      [1, 2, 3].map((v) =>
        pool.use(async (host) => {
          const { outputs } = await host.run(await host.load(counting), { x: fromNested([v, 0]) });
          return numbers(outputs.total)[0];
        }),
      ),
    );
    await pool.close();
    return { sums, later: await failure(pool.use(async () => 1)) };
  },

  /** An ONNX file, opened without a host. */
  async model() {
    const model = await openModel(counting.bytes);
    const { outputs } = await model.run({ x: fromNested([1, 2]) });
    await model.close();
    const broken = await failure(openModel(Uint8Array.of(1, 2, 3), { name: "broken.onnx" }));
    return {
      names: [model.inputs, model.outputs],
      values: numbers(Object.values(outputs)[1] as NdArray),
      broken,
    };
  },

  /** Whether a host comes up, and then loads a graph. */
  async ready(options: HostOptions) {
    const host = openHost(options);
    const failed = await failure(host.ready().then(() => host.load(counting)));
    await host.close();
    return { failed, setup: host.setup };
  },

  async checkpoint() {
    const host = common();
    const failed = await failure(learnDigits(await digits(), host, { checkpoint: "here" }));
    return failed;
  },

  /** Adds two rows to one. */
  async scatter(options: HostOptions) {
    const host = openHost(options);
    const rows = input("rows", [2], "int32");
    const values = input("values", [2, 1]);
    const lowered = lower({ inputs: { rows, values }, outputs: { y: tensor.scatterAdd(rows, values, 2) } });
    const { outputs } = await host.run(await host.load(lowered), {
      rows: ndarray("int32", [2], Int32Array.of(1, 1)),
      values: ndarray("float32", [2, 1], Float32Array.of(3, 4)),
    });
    await host.close();
    return numbers(outputs.y);
  },
};

/** The line that is to be named. */
function pickRows(table: tensor.Tensor, rows: tensor.Tensor): tensor.Tensor {
  return gather(table, rows);
}

export type Jobs = typeof jobs;
Object.assign(globalThis, { jobs });
