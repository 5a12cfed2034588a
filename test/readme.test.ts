import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";

/** The README's code, run as it stands against the built package. */
const root = fileURLToPath(new URL("..", import.meta.url));
const blocks = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/```ts\n([\s\S]*?)```/g)].map(
  ([, code]) => code,
);
const run = promisify(execFile);

// inside the package, so that "ockham" means this build
const scripts = join(root, ".cache", "readme");
const work = mkdtempSync(join(tmpdir(), "ockham-readme-"));
mkdirSync(scripts, { recursive: true });
afterAll(() => {
  rmSync(scripts, { recursive: true, force: true });
  rmSync(work, { recursive: true, force: true });
});

function file(name: string, code: string): string {
  const path = join(scripts, name);
  writeFileSync(path, code);
  return path;
}

describe("README", () => {
  it("compares in a few lines", async () => {
    const { stdout } = await run(process.execPath, [file("compare.mjs", blocks[0])], { cwd: work });
    expect(stdout).toMatch(/did best on validation data/);
  });

  it("trains one model", async () => {
    const { stdout } = await run(process.execPath, [file("train.mjs", blocks[1])], { cwd: work });
    expect(stdout).toMatch(/trainLoss/);
    expect(stdout).toMatch(/\[ 3, 3 \]/);
  });

  it("trains a model many times over", async () => {
    const { stdout } = await run(process.execPath, [file("together.mjs", blocks[2])], { cwd: work });
    expect(stdout.match(/epoch: 20, trainLoss/g)?.length).toBe(9);
  });

  // the block after it is for browsers: test/browser runs it
  it("brings a method of one's own", async () => {
    const mine = file("mine.ts", blocks[4]);
    const command = [
      "dist/src/cli/main.js",
      "compare",
      "--data",
      "penguins",
      "--method",
      mine,
      "--methods",
      "root",
    ];
    const quick = ["--seeds", "1", "--epochs", "2", "--json", "--out", join(work, "own")];
    const { stdout } = await run(process.execPath, [...command, ...quick], { cwd: root });
    expect(JSON.parse(stdout).outcome.rows.map((row: { candidate: string }) => row.candidate)).toContain(
      "root",
    );
  });
});
