import { gunzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumFlags, findChromium, howToGetChromium } from "../../scripts/chromium.ts";
import { openInline } from "../../src/runtime/index.ts";
import { type Learned, learnDigits } from "./digits.ts";
import type { Jobs } from "./page.ts";
import { bundle, type Site, serve } from "./serve.ts";

const executablePath = findChromium();
const digits = gunzipSync(readFileSync(new URL("../../data/digits.csv.gz", import.meta.url))).toString();

if (executablePath === undefined) console.warn(`The tests in a browser are skipped: ${howToGetChromium}.`);

/** Close enough for two builds of the same kernels. */
function expectSame(ours: Learned, theirs: Learned, tolerance = 1e-4): void {
  expect(ours.losses.length).toBe(theirs.losses.length);
  const off = ours.losses.map((loss, i) => Math.abs(loss - theirs.losses[i]) / theirs.losses[i]);
  expect(Math.max(...off)).toBeLessThan(tolerance);
  expect(ours.accuracy).toBeCloseTo(theirs.accuracy, 2);
}

describe.skipIf(executablePath === undefined)("in a browser", () => {
  let site: Site;
  let browser: Browser;
  let isolated: Page;
  let onNode: Learned;
  const said: string[] = [];

  const launch = (...flags: string[]) =>
    chromium.launch({ executablePath, headless: true, args: [...chromiumFlags, ...flags] });
  const open = async (from: Browser, url: string): Promise<Page> => {
    const page = await from.newPage();
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
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
    const files = await bundle("test/browser/page.ts");
    const html = '<!doctype html><meta charset="utf-8"><script type="module" src="page.js"></script>';
    site = await serve({ ...files, "index.html": html, "digits.csv": digits });
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

  test.each([1, 2])("learns what Node learns, step by step, on %i threads, and the page stays smooth", async (threads) => {
    const learned = await job(isolated, "learn", { threads });
    expect(learned.setup).toEqual({ device: "cpu", threads, notes: [] });
    expectSame(learned, onNode);
    expect(learned.ticks).toBeGreaterThan(5);
    expect(learned.tensors).toBe(0);
  });
});
