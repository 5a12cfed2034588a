import { afterAll, describe, expect, test } from "vitest";
import { fromNested, type NdArray, ndarray } from "../../src/array/ndarray.ts";
import { OckhamError } from "../../src/error.ts";
import { lower, lowerLoop } from "../../src/onnx/index.ts";
import { type Handle, type Host, openHost, openInline, openPool } from "../../src/runtime/index.ts";
import { make } from "../../src/tensor/graph.ts";
import { add, cast, gather, input, matmul, mul, relu, sum, tanh } from "../../src/tensor/index.ts";

const inline = openInline();
const worker = openHost();
afterAll(() => Promise.all([inline.close(), worker.close()]));

const x = input("x", [2]);
const counting = lower({ inputs: { x }, outputs: { x: add(x, 1), total: sum(x) } });

/** Steps of a product of two 512 x 512 matrices: about 3 ms each, so the run takes as long as one likes. */
const square = input("square", [512, 512]);
const step = input("step", []);
const slow = lowerLoop({
  state: { square: { from: square, to: tanh(add(matmul(square, square), step)) } },
  scanned: { step },
  shared: {},
  collected: {},
});
const slowFeeds = (steps: number) => ({
  square: ndarray("float32", [512, 512], new Float32Array(512 * 512)),
  step: ndarray("float32", [steps], new Float32Array(steps)),
});

const numbers = (value: NdArray | Handle): number[] => Array.from((value as NdArray).data, Number);

async function failure(promise: Promise<unknown>): Promise<OckhamError> {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(OckhamError);
  return error as OckhamError;
}

const hosts: readonly (readonly [string, Host])[] = [
  ["in this thread", inline],
  ["in a worker", worker],
];

describe.each(hosts)("a host %s", (_, host) => {
  test("runs a program on arrays", async () => {
    const program = await host.load(counting);
    const { outputs, milliseconds } = await host.run(program, { x: fromNested([1.5, 2]) });
    expect(numbers(outputs.x)).toEqual([2.5, 3]);
    expect(numbers(outputs.total)).toEqual([3.5]);
    expect(outputs.total.shape).toEqual([]);
    expect(milliseconds).toBeGreaterThan(0);
  });

  test("gives the memory of what is released back at once", async () => {
    const size = 2 ** 20;
    const wide = input("wide", [size]);
    const program = await inline.load(lower({ inputs: { wide }, outputs: { next: add(wide, 1) } }));
    const wideArray = ndarray("float32", [size], new Float32Array(size));
    const { outputs } = await inline.run(program, { wide: wideArray }, { keep: ["next"] });
    await inline.memory();
    const before = process.memoryUsage().arrayBuffers;
    await inline.release(outputs.next as Handle);
    await inline.memory();
    expect(before - process.memoryUsage().arrayBuffers).toBeGreaterThanOrEqual(4 * size);
  });

  test("feeds state back by handles, and frees what is released", async () => {
    const before = await host.memory();
    const program = await host.load(counting);
    let state = await host.put(fromNested([0, 10]));
    for (let i = 0; i < 5; i++) {
      const { outputs } = await host.run(program, { x: state }, { keep: ["x"] });
      expect(numbers(outputs.total)).toEqual([10 + 2 * i]);
      await host.release(state);
      state = outputs.x as Handle;
    }
    expect(state.shape).toEqual([2]);
    expect((await host.memory()).tensors).toBe(before.tensors + 1);
    expect((await host.memory()).bytes).toBe(before.bytes + 8);
    expect(numbers(await host.get(state))).toEqual([5, 15]);
    await host.release(state);
    expect(await host.memory()).toMatchObject({ tensors: before.tensors, bytes: before.bytes });
    expect((await failure(host.get(state))).message).toMatch(/released/);
  });

  test("keeps copies: what the caller does to an array later changes nothing", async () => {
    const array = fromNested([1, 2]);
    const handle = await host.put(array);
    array.data[0] = 99;
    const got = await host.get(handle);
    expect(numbers(got)).toEqual([1, 2]);
    (got.data as Float32Array)[1] = 99;
    expect(numbers(await host.get(handle))).toEqual([1, 2]);
    await host.release(handle);
  });

  test("carries every dtype there and back", async () => {
    const arrays: NdArray[] = [
      ndarray("float32", [2], Float32Array.of(1.5, Number.NaN)),
      ndarray("float64", [2], Float64Array.of(1 / 3, -0)),
      ndarray("float16", [2], Uint16Array.of(0x3c00, 0x7bff)),
      ndarray("int64", [2], BigInt64Array.of(-1n, 2n ** 62n)),
      ndarray("int32", [2], Int32Array.of(-1, 7)),
      ndarray("uint32", [2], Uint32Array.of(4294967295, 7)),
      ndarray("int8", [2], Int8Array.of(-128, 7)),
      ndarray("uint8", [2], Uint8Array.of(255, 7)),
      ndarray("bool", [2], Uint8Array.of(1, 0)),
    ];
    const inputs = Object.fromEntries(arrays.map((a) => [a.dtype, input(a.dtype, [2], a.dtype)]));
    const program = await host.load(lower({ inputs, outputs: inputs }));
    const { outputs } = await host.run(program, Object.fromEntries(arrays.map((a) => [a.dtype, a])));
    for (const a of arrays) {
      expect(outputs[a.dtype].dtype).toBe(a.dtype);
      expect((outputs[a.dtype] as NdArray).data).toEqual(a.data);
    }
  });

  test("says which input does not fit", async () => {
    const program = await host.load(counting);
    const missing = await failure(host.run(program, {}));
    expect(missing).toMatchObject({ code: "unknown-name", culprit: "x" });
    const shape = await failure(host.run(program, { x: fromNested([1, 2, 3]) }));
    expect(shape).toMatchObject({ code: "bad-shape", culprit: "x" });
    expect(shape.message).toContain("[2], not [3]");
    const dtype = await failure(host.run(program, { x: ndarray("int32", [2], Int32Array.of(1, 2)) }));
    expect(dtype).toMatchObject({ code: "bad-dtype", culprit: "x" });
    const kept = await failure(host.run(program, { x: fromNested([1, 2]) }, { keep: ["y"] }));
    expect(kept).toMatchObject({ code: "unknown-name", culprit: "y" });
  });

  test("names the operation and the line behind an error of ONNX Runtime", async () => {
    const table = input("table", [3, 2]);
    const rows = input("rows", [1], "int32");
    const picked = gather(table, rows); // the line to be named
    const program = await host.load(lower({ inputs: { table, rows }, outputs: { y: mul(relu(picked), 2) } }));
    const feeds = {
      table: fromNested([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
      rows: ndarray("int32", [1], Int32Array.of(7)),
    };
    const error = await failure(host.run(program, feeds));
    expect(error.code).toBe("runtime");
    expect(error.culprit).toMatch(/^gather at .*host\.test\.ts:\d+:\d+$/);
    expect(error.message).toMatch(/indices element out of data bounds/);
  });

  test("does calls in order, and loads equal graphs once", async () => {
    const programs = (await host.memory()).programs;
    const again = lower({ inputs: { x }, outputs: { x: add(x, 1), total: sum(x) } });
    const [a, b] = await Promise.all([host.load(counting), host.load(again)]);
    expect(a.id).toBe(b.id);
    expect((await host.memory()).programs).toBe(programs);
    const results = await Promise.all([1, 2, 3].map((v) => host.run(a, { x: fromNested([v, v]) })));
    expect(results.map(({ outputs }) => numbers(outputs.total)[0])).toEqual([2, 4, 6]);
  });

  test("puts programs away that were not used for long, and brings them back", async () => {
    const of = (i: number) => lower({ inputs: { x }, outputs: { y: mul(x, i + 2) } });
    const first = await host.load(of(0));
    for (let i = 1; i < 40; i++) await host.load(of(i));
    expect((await host.memory()).programs).toBe(32);
    const { outputs } = await host.run(first, { x: fromNested([1, 2]) });
    expect(numbers(outputs.y)).toEqual([2, 4]);
  });

  test("refuses handles of another host", async () => {
    const other = openInline();
    const handle = await other.put(fromNested([1, 2]));
    expect((await failure(host.run(await host.load(counting), { x: handle }))).message).toMatch(
      /another host/,
    );
  });
});

describe("a worker", () => {
  test("leaves the caller responsive and stops within a second in the middle of a run", async () => {
    const host = openHost();
    const program = await host.load(slow);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const running = failure(host.run(program, slowFeeds(100_000)));
    const waiting = failure(host.put(fromNested([1])));
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(ticks).toBeGreaterThan(5);
    clearInterval(timer);
    const start = performance.now();
    await host.close();
    expect(performance.now() - start).toBeLessThan(1000);
    expect((await running).code).toBe("interrupted");
    expect((await waiting).code).toBe("interrupted");
    expect((await failure(host.memory())).code).toBe("interrupted");
  });

  test("that dies rejects what is under way, and says how it died", async () => {
    const host = openHost();
    const program = await host.load(slow);
    const pid = (await host.memory()).pid;
    const running = failure(host.run(program, slowFeeds(100_000)));
    setTimeout(() => process.kill(pid, "SIGSEGV"), 100);
    const error = await running;
    expect(error.code).toBe("runtime");
    expect(error.message).toMatch(/SIGSEGV/);
    expect((await failure(host.memory())).message).toMatch(/SIGSEGV/);
    await host.close();
  });
});

describe("a pool", () => {
  test("runs as many jobs side by side as it has hosts, and all of them", async () => {
    const pool = openPool(2);
    let now = 0;
    let most = 0;
    const jobs = [1, 2, 3, 4, 5].map((v) =>
      pool.use(async (host) => {
        most = Math.max(most, ++now);
        const { outputs } = await host.run(await host.load(counting), { x: fromNested([v, 0]) });
        now--;
        return numbers(outputs.x)[0];
      }),
    );
    expect(await Promise.all(jobs)).toEqual([2, 3, 4, 5, 6]);
    expect(most).toBe(2);
    await pool.close();
    expect((await failure(pool.use(async () => 1))).code).toBe("interrupted");
  });

  test("goes on after a job that fails and a host that dies", async () => {
    const pool = openPool(1);
    await expect(
      pool.use(async () => {
        throw new Error("the job's own");
      }),
    ).rejects.toThrow("the job's own");
    await failure(
      pool.use(async (host) => {
        process.kill((await host.memory()).pid, "SIGKILL");
        return host.run(await host.load(slow), slowFeeds(100_000));
      }),
    );
    expect(await pool.use(async (host) => (await host.memory()).tensors)).toBe(0);
    await pool.close();
  });

  test("rejects waiting jobs when it is closed", async () => {
    const pool = openPool(1);
    const long = failure(pool.use(async (host) => host.run(await host.load(slow), slowFeeds(100_000))));
    const waiting = failure(pool.use(async (host) => host.memory()));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await pool.close();
    expect((await long).code).toBe("interrupted");
    expect((await waiting).code).toBe("interrupted");
  });
});

test("whole-number division by zero does not end the process", async () => {
  const a = input("a", [3], "int32");
  const b = input("b", [3], "int32");
  const program = await worker.load(
    lower({ inputs: { a, b }, outputs: { q: make("div", [a, b], {}), cast: cast(a, "float32") } }),
  );
  const feeds = {
    a: ndarray("int32", [3], Int32Array.of(7, -7, 5)),
    b: ndarray("int32", [3], Int32Array.of(2, 2, 0)),
  };
  expect(numbers((await worker.run(program, feeds)).outputs.q)).toEqual([3, -3, 0]);
});

describe("a device", () => {
  test("that is not there is refused, with what it needs", async () => {
    const host = openHost({ device: "cuda" });
    expect(host.setup).toEqual({ device: "cuda", threads: 1, notes: [] });
    const refused = await host.ready().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (refused === undefined) {
      // where the libraries and a GPU are
      const { outputs } = await host.run(await host.load(counting), { x: fromNested([1, 2]) });
      expect(numbers(outputs.total)).toEqual([3]);
    } else {
      expect(refused).toBeInstanceOf(OckhamError);
      expect(refused).toMatchObject({ code: "runtime", culprit: "cuda" });
      expect((refused as OckhamError).hint).toContain("ONNXRUNTIME_NODE_INSTALL=cuda12");
      expect(await failure(host.load(counting))).toMatchObject({ culprit: "cuda" });
    }
    await host.close();
  });

  test("that is the processor is always ready", async () => {
    await inline.ready();
    await worker.ready();
  });
});
