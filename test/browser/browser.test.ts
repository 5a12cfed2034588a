import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumFlags, findChromium, howToGetChromium } from "../../scripts/chromium.ts";
import { bundle, type Site, serve } from "../../scripts/site.ts";
import { openInline } from "../../src/runtime/index.ts";
import { type Learned, learnDigits } from "./digits.ts";
import type { Jobs } from "./page.ts";

const executablePath = findChromium();
const table = (name: string) =>
  gunzipSync(readFileSync(new URL(`../../data/${name}.csv.gz`, import.meta.url))).toString();
const digits = table("digits");

if (executablePath === undefined) console.warn(`The tests in a browser are skipped: ${howToGetChromium}.`);

/** Close enough for two builds of the same kernels. */
function expectSame(ours: Learned, theirs: Learned): void {
  expect(ours.losses.length).toBe(theirs.losses.length);
  const off = ours.losses.map((loss, i) => Math.abs(loss - theirs.losses[i]) / theirs.losses[i]);
  expect(Math.max(...off)).toBeLessThan(1e-4);
  expect(ours.accuracy).toBeCloseTo(theirs.accuracy, 2);
}

describe.skipIf(executablePath === undefined)("in a browser", () => {
  let site: Site;
  let browser: Browser;
  let isolated: Page;
  let onNode: Learned;
  let files: Readonly<Record<string, Uint8Array>>;
  const said: string[] = [];

  const launch = (...flags: string[]) =>
    chromium.launch({ executablePath, headless: true, args: [...chromiumFlags, ...flags] });
  const open = async (from: Browser, url: string, heard = said): Promise<Page> => {
    const page = await from.newPage();
    page.on("console", (message) => heard.push(message.text()));
    page.on("pageerror", (error) => heard.push(String(error)));
    await page.goto(url);
    await page.waitForFunction(() => "jobs" in globalThis);
    return page;
  };
  const job = <N extends keyof Jobs>(
    page: Page,
    name: N,
    ...given: Parameters<Jobs[N]>
  ): Promise<Awaited<ReturnType<Jobs[N]>>> =>
    page.evaluate(
      ([called, args]) =>
        (globalThis as unknown as { jobs: Record<string, (...a: unknown[]) => never> }).jobs[called](...args),
      [name, given] as [string, unknown[]],
    );

  beforeAll(async () => {
    files = await bundle("test/browser/page.ts");
    site = await serve({ ...files, "digits.csv": digits });
    browser = await launch("--disable-gpu");
    isolated = await open(browser, site.isolated);
    const host = openInline();
    onNode = await learnDigits(digits, host);
    await host.close();
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  test("Node itself learns the digits", () => {
    expect(onNode.losses.length).toBe(100);
    expect(onNode.accuracy).toBeGreaterThan(0.9);
  });

  test.each([1, 2])(
    "learns what Node learns, step by step, on %i threads, and the page stays smooth",
    async (threads) => {
      const learned = await job(isolated, "learn", { threads });
      expect(learned.setup).toEqual({ device: "cpu", threads, notes: [] });
      expectSame(learned, onNode);
      expect(learned.ticks).toBeGreaterThan(5);
      expect(learned.tensors).toBe(0);
    },
  );

  test("in a page that is not isolated runs on one thread, and says so where one can see it", async () => {
    const page = await open(browser, site.open);
    const learned = await job(page, "learn", { threads: 2 });
    expectSame(learned, onNode);
    expect(learned.setup.threads).toBe(1);
    expect(learned.setup.notes).toEqual([
      expect.stringMatching(/^one thread, not 2: .*not cross-origin isolated/),
    ]);
    await page.close();
  });

  test("learns in the page's own thread too", async () => {
    const learned = await job(isolated, "learnInline", { threads: 2, wasmPaths: "./" });
    expectSame(learned, onNode);
    expect(learned.setup.notes).toEqual([expect.stringMatching(/^one thread, not 2: a page must not wait/)]);
  });

  test("feeds state back by handles, and frees what is released", async () => {
    const { totals, values, again, before, held, after, released } = await job(isolated, "state");
    expect(totals).toEqual([10, 12, 14, 16, 18]);
    expect([values, again]).toEqual([[5, 15], [20]]);
    expect([held.tensors, held.bytes]).toEqual([before.tensors + 1, before.bytes + 8]);
    expect(after).toEqual(before);
    expect(released).toMatchObject({ own: true, code: "unknown-name", culprit: "handle" });
  });

  test("keeps copies, and leaves the caller's arrays alone", async () => {
    expect(await job(isolated, "copies")).toEqual({ values: [1, 2], whole: [5, 6, 7, 8], total: [13] });
  });

  test("does calls in order, and loads equal graphs once", async () => {
    expect(await job(isolated, "order")).toEqual({ same: true, loaded: 1, totals: [6, 12, 18] });
  });

  test("stops in the middle of a run", async () => {
    const { ticks, running, waiting, later } = await job(isolated, "closing");
    expect(ticks).toBeGreaterThan(5);
    for (const failed of [running, waiting, later])
      expect(failed).toMatchObject({ own: true, code: "interrupted" });
  });

  test("names the operation and the line behind an error", async () => {
    const { failed, unfit } = await job(isolated, "failing");
    expect(failed).toMatchObject({ own: true, code: "runtime" });
    expect(failed?.message).toMatch(/indices element out of data bounds/);
    expect(failed?.culprit).toMatch(/^gather at http:/);
    const source = Buffer.from(files["page.js"]).toString().split("\n");
    const lines = [...(failed?.culprit ?? "").matchAll(/page\.js:(\d+):\d+/g)].map(
      ([, n]) => source[Number(n) - 1],
    );
    expect(lines.join("\n")).toMatch(/return gather/);
    expect(unfit).toMatchObject({ own: true, code: "bad-dtype", culprit: "rows" });
  });

  test("runs a pool of workers", async () => {
    const { sums, later } = await job(isolated, "pool");
    expect(sums).toEqual([1, 2, 3]);
    expect(later).toMatchObject({ own: true, code: "interrupted" });
  });

  test("opens ONNX files", async () => {
    const { names, values, broken } = await job(isolated, "model");
    expect(names).toEqual([["x"], ["x'", "total"]]);
    expect(values).toEqual([3]);
    expect(broken).toMatchObject({ own: true, code: "bad-file", culprit: "broken.onnx" });
  });

  test("says which device cannot be used, and why", async () => {
    const gpu = await job(isolated, "ready", { device: "webgpu" });
    expect(gpu.failed).toMatchObject({ own: true, code: "runtime", culprit: "webgpu" });
    expect(gpu.failed?.message).toMatch(/no adapter/);
    const cuda = await job(isolated, "ready", { device: "cuda" });
    expect(cuda.failed).toMatchObject({ own: true, code: "runtime", culprit: "cuda" });
    const here = await job(isolated, "ready", {});
    expect(here).toEqual({ failed: undefined, setup: { device: "cpu", threads: 1, notes: [] } });
  });

  test("says that a worker's file is not there, and where ONNX Runtime's files are not", async () => {
    // the browser reports files that are not there by itself
    const page = await open(browser, site.isolated, []);
    const worker = await job(page, "ready", { workerUrl: "nowhere.js" });
    expect(worker.failed).toMatchObject({ own: true, code: "runtime", culprit: "worker" });
    expect(worker.failed?.message).toMatch(/could not be loaded/);
    const wasm = await job(page, "ready", { wasmPaths: "nowhere" });
    expect(wasm.failed).toMatchObject({ own: true, code: "runtime" });
    expect(wasm.failed?.message).toMatch(/nowhere\/ort-wasm-simd-threaded/);
  });

  test("runs the README's code", async () => {
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code);
    // inside the package, so that "ockham" means this build
    const cache = fileURLToPath(new URL("../../.cache/", import.meta.url));
    mkdirSync(cache, { recursive: true });
    const folder = mkdtempSync(join(cache, "browser-"));
    writeFileSync(join(folder, "readme.ts"), blocks.find((code) => code.includes("csvSource")) as string);
    const built = await bundle(join(folder, "readme.ts"));
    rmSync(folder, { recursive: true });
    const own = await serve({ ...built, "penguins.csv": table("penguins") });
    const heard: string[] = [];
    const page = await browser.newPage();
    page.on("console", (message) => heard.push(message.text()));
    page.on("pageerror", (error) => heard.push(String(error)));
    await page.goto(own.isolated);
    await expect.poll(() => heard, { timeout: 20_000 }).toHaveLength(21);
    expect(heard[19]).toMatch(/epoch: 20, trainLoss: 0\.\d+/);
    expect(heard[20]).toMatch(/threads: 2/);
    await page.close();
    await own.close();
  });

  test("refuses checkpoints, which need files", async () => {
    const refused = await job(isolated, "checkpoint");
    expect(refused).toMatchObject({ own: true, code: "bad-option", culprit: "checkpoint" });
  });

  test("adds rows that are named twice, on one thread and on two", async () => {
    expect(await job(isolated, "scatter", {})).toEqual([0, 7]);
    expect(await job(isolated, "scatter", { threads: 2 })).toEqual([0, 7]);
  });

  test("descends on a GPU as on the processor, and keeps state there", async () => {
    // a processor that plays the GPU: slow, but the same way through the code
    const software = await launch("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader");
    try {
      const page = await open(software, site.isolated);
      const onGpu = await job(page, "descend", { device: "webgpu" });
      const onCpu = await job(page, "descend", {});
      expect([onGpu.held, onGpu.left]).toEqual([onCpu.held, onCpu.left]);
      expect(onGpu.left.tensors).toBe(0);
      expect(onCpu.losses[3]).toBeLessThan(onCpu.losses[0] / 2);
      for (const [i, loss] of onGpu.losses.entries()) expect(loss).toBeCloseTo(onCpu.losses[i], 5);
      for (const [i, weight] of onGpu.weights.entries()) expect(weight).toBeCloseTo(onCpu.weights[i], 5);
    } finally {
      await software.close();
    }
  });

  test("writes nothing to the console", () => {
    expect(said).toEqual([]);
  });
});
