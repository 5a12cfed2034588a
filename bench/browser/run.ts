// Steps a second of training in a page: Ockham, TensorFlow.js and jax-js in turns. Usage: npm run bench:browser [-- mlp|cnn]
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Page } from "playwright-core";
import { chromiumFlags, findChromium, howToGetChromium } from "../../scripts/chromium.ts";
import { bundle, runtimeFiles, serve } from "../../scripts/site.ts";
import type { Bench, Name } from "./page.ts";
import { installPeers, peers } from "./peers.ts";
import { markdown, type Result, type Row } from "./table.ts";
import { type WorkName, works } from "./work.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const rounds = 9;
/** Of one contender in one round. */
const seconds = 0.7;
const names: readonly Name[] = ["ockham", "tfjs-wasm", "jax-js", "tfjs-webgl", "tfjs-cpu"];

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

const version = (path: string): string =>
  (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;

function calling(page: Page) {
  return <N extends keyof Bench>(
    name: N,
    ...given: Parameters<Bench[N]>
  ): Promise<Awaited<ReturnType<Bench[N]>>> =>
    page.evaluate(
      ([called, args]) =>
        (globalThis as unknown as { bench: Record<string, (...a: unknown[]) => never> }).bench[called](
          ...args,
        ),
      [name, given] as [string, unknown[]],
    );
}

/** One model at one number of threads, in a page of its own. */
async function race(page: Page, work: WorkName, threads: number): Promise<Row> {
  const call = calling(page);
  const versions = {
    ockham: version(join(root, "package.json")),
    jaxjs: version(join(peers, "@jax-js", "jax", "package.json")),
  };
  await call("open", work);
  const entrants: { key: Name; name: string; version: string; losses: readonly number[] }[] = [];
  const absent: Record<string, string> = {};
  for (const key of names) {
    const made = await call("prepare", key, threads, versions);
    if (made.losses === undefined) absent[made.name] = made.absent ?? "";
    else entrants.push({ key, ...made });
  }
  const speeds = new Map<string, number[]>(entrants.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++)
    for (const { key, name } of entrants) {
      const known = speeds.get(name) as number[];
      // where a step takes longer than a round, three rounds say enough
      if (known.length >= 3 && known[0] < 1 / seconds) continue;
      const speed = await call("speed", key, seconds);
      // the first round warms up
      if (round > 0) known.push(speed);
    }
  await call("close");
  const [ours, ...theirs] = entrants;
  const off = (losses: readonly number[]) =>
    Math.max(...losses.map((loss, i) => Math.abs(loss - ours.losses[i]) / ours.losses[i]));
  return {
    work,
    threads,
    speeds: Object.fromEntries([...speeds].map(([name, of]) => [name, median(of)])),
    lossesOff: Object.fromEntries(theirs.map(({ name, losses }) => [name, off(losses)])),
    absent,
  };
}

async function main(): Promise<void> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error(howToGetChromium);
  installPeers();
  const wanted = process.argv.slice(2);
  const chosen = (Object.keys(works) as WorkName[]).filter(
    (name) => wanted.length === 0 || wanted.some((one) => name.toLowerCase().includes(one.toLowerCase())),
  );
  const files = await bundle("bench/browser/page.ts", peers);
  const wasm = join(peers, "@tensorflow", "tfjs-backend-wasm", "dist");
  const site = await serve(files, [runtimeFiles, wasm]);
  const browser = await chromium.launch({ executablePath, args: chromiumFlags });
  const rows: Row[] = [];
  try {
    for (const threads of [1, 2])
      for (const work of chosen) {
        const page = await browser.newPage();
        // one thread: the page is not isolated, so that nobody has more
        await page.goto(threads === 1 ? site.open : site.isolated);
        await page.waitForFunction(() => "bench" in globalThis);
        rows.push(await race(page, work, threads));
        await page.close();
        console.log(markdown(rows.slice(-1)));
      }
  } finally {
    const browserVersion = browser.version();
    await browser.close();
    await site.close();
    if (rows.length > 0 && wanted.length === 0) write({ rows, ...circumstances(browserVersion) });
  }
}

const circumstances = (browserVersion: string): Omit<Result, "rows"> => ({
  versions: {
    ockham: version(join(root, "package.json")),
    "onnxruntime-web": version(join(runtimeFiles, "..", "package.json")),
    "@tensorflow/tfjs": version(join(peers, "@tensorflow", "tfjs", "package.json")),
    "@jax-js/jax": version(join(peers, "@jax-js", "jax", "package.json")),
    chromium: browserVersion,
  },
  hardware: `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores, ${process.platform} ${process.arch}`,
  date: new Date().toISOString(),
});

function write(result: Result): void {
  const folder = join(root, "bench", "results");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "browser.json"), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(join(folder, "browser.md"), markdown(result.rows, result));
  console.log(`kept in bench/results/browser.json and browser.md`);
}

await main();
