import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { writeNpy } from "../../src/array/npy.ts";
import { csv, temporary } from "../data/helpers.ts";
import { run } from "./run.ts";

const { at, write } = temporary();

const row = (i: number) => `${i % 7},${(i * 13) % 11},${"xy"[i % 2]}`;

async function cutImages(): Promise<void> {
  const image = sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } }).png();
  const bytes = await image.toBuffer();
  for (let i = 0; i < 6; i++)
    for (const kind of ["cat", "dog"]) await write(`photos/${kind}/${i}.png`, bytes);
  await write("photos/dog/2.png", bytes.subarray(0, bytes.length >> 1));
}

async function cutParquet(): Promise<void> {
  const connection = await (await DuckDBInstance.create()).connect();
  const select = "select i, i % 3 as j, 'c' || (i % 2) as species from range(50) t(i)";
  await connection.run(`copy (${select}) to '${at("whole.parquet")}' (format parquet)`);
  connection.closeSync();
  const bytes = await readFile(at("whole.parquet"));
  await write("cut.parquet", bytes.subarray(0, bytes.length - 20));
}

beforeAll(async () => {
  await write("whole.csv", csv("a,b,species", 60, row));
  await write(
    "one.csv",
    csv("a,b,species", 60, (i) => `${i % 7},${i % 5},x`),
  );
  await write(
    "junk.csv",
    csv("a,b,species", 60, (i) => (i === 29 ? "oops,1,x" : row(i))),
  );
  await write("empty.csv", "");
  await write(
    "ragged.csv",
    csv("a,b,species", 60, (i) => (i === 29 ? "1,2" : row(i))),
  );
  const x = writeNpy({ dtype: "float32", shape: [60, 2], data: new Float32Array(120) });
  await write("arrays/x.npy", x.subarray(0, x.length - 40));
  await write("arrays/y.npy", writeNpy({ dtype: "int32", shape: [60], data: new Int32Array(60) }));
  await write("file", "not a folder");
  await cutImages();
  await cutParquet();
});

const table = (name: string) => ["--data", name, "--target", "species"];

/** What is asked, and what the refusal must name: the culprit, then the remedy. */
const refused: Readonly<Record<string, readonly [args: readonly string[], culprit: RegExp, remedy: RegExp]>> =
  {
    "a table of texts without the column": [
      ["compare", "whole.csv", "--text", "--target", "species"],
      /whole\.csv/,
      /--text COLUMN/,
    ],
    "a column of plain text": [
      ["compare", "coriolanus", "--text", "body"],
      /coriolanus is no table/,
      /--text alone/,
    ],
    "a tokenizer for what is no text": [
      ["compare", ...table("whole.csv"), "--tokenizer", "words"],
      /tokenizer/,
      /--text/,
    ],
    "data named twice": [["compare", "coriolanus", "--data", "wine"], /both name the data/, /one of them/],
    "a model that cannot read texts": [
      ["compare", "coriolanus", "--model", "mlp"],
      /mlp takes tables and images/,
      /transformer/,
    ],
    "images mixed up with words": [
      ["compare", "coriolanus", "--methods", "mixup"],
      /mixup blends examples/,
      /leave it out/,
    ],
    "a missing file": [["compare", ...table("whle.csv")], /whle\.csv/, /whole\.csv/],
    "a table without a target": [["compare", "--data", "whole.csv"], /whole\.csv/, /--target .*"species"/],
    "a missing column": [
      ["compare", "--data", "whole.csv", "--target", "specis"],
      /no column "specis"/,
      /did you mean "species"/,
    ],
    "a target with one class": [
      ["compare", ...table("one.csv")],
      /"species".*one class/,
      /two different values/,
    ],
    "junk where numbers should be": [
      ["compare", ...table("junk.csv")],
      /row 30.*"a" holds "oops"/,
      /--missing/,
    ],
    "an empty table": [["compare", ...table("empty.csv")], /empty\.csv is empty/, /check/],
    "a ragged table": [["compare", ...table("ragged.csv")], /ragged\.csv, line 31/, /as many values/],
    "a truncated NPY": [["compare", "--data", "arrays"], /x\.npy/, /again|whole/],
    "a truncated PNG": [["compare", "--images", "photos"], /dog.2\.png/, /again|whole/],
    "a truncated Parquet": [["compare", ...table("cut.parquet")], /cut\.parquet/, /again/],
    "an unknown method": [["compare", "--methods", "mixpu"], /"mixpu"/, /did you mean "mixup"/],
    "an unknown method to explain": [["methods", "dropuot"], /"dropuot"/, /did you mean "dropout"/],
    "an unknown command": [["comapre"], /'comapre'/, /did you mean compare/],
    "an unknown option": [["compare", "--sedes", "3"], /'--sedes'/, /did you mean --seeds/],
    "an option out of range": [
      ["compare", "--methods", "mixup", "--set", "mixup.strength=-1"],
      /mixup\.strength is "-1"/,
      /above 0/,
    ],
    "two methods in a slot for one": [["compare", "--methods", "sgd+adam"], /sgd and adam/, /two candidates/],
    "an output folder below a file": [["compare", "--out", "file/sub"], /file\/sub/, /--out/],
    "an output folder that is a file": [["compare", "--out", "file"], /file cannot be written/, /--out/],
    "an output folder where nothing can be made": [["compare", "--out", "/proc/ockham"], /proc/, /--out/],
    "a model to export that cannot be written": [
      ["compare", "--export", "no/best.onnx"],
      /no\/best\.onnx/,
      /another/,
    ],
    "an unknown setting": [["compare", "--setting", "continul"], /"continul"/, /did you mean "continual"/],
    "more tasks than classes": [
      ["compare", "--setting", "continual", "--data", "wine"],
      /3 classes of wine.*5 tasks/,
      /continual\.tasks=3/,
    ],
    "a method for groups without groups": [
      ["compare", "--methods", "group-dro"],
      /group-dro needs groups/,
      /--setting groups/,
    ],
    "an export from a setting": [
      ["compare", "--setting", "continual", "--export", "best.onnx"],
      /--export and --setting/,
      /leave --export out/,
    ],
    "an unknown device": [["compare", "--device", "gpu"], /--device is "gpu"/, /leave it out/],
    "a file of methods that is not there": [["compare", "--method", "./mine.ts"], /mine\.ts/, /path/],
  };

/** What lies in the folder, but for the folders that runs side by side make for a moment to see whether they can. */
const lasting = async () => (await readdir(at(""))).filter((name) => !name.startsWith(".ockham-")).sort();

describe("refused with exit code 2, nothing written", () => {
  test.concurrent.each(Object.entries(refused))("%s", async (_, [args, culprit, remedy]) => {
    const before = await lasting();
    const { code, stdout, stderr } = await run(at(""), ...args);
    expect(stderr).toMatch(/^error: /m);
    expect(stderr).toMatch(culprit);
    expect(stderr).toMatch(remedy);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe("");
    expect(code).toBe(2);
    expect(await lasting()).toEqual(before);
  });
});

test("with --json a refusal is JSON on stderr", async () => {
  const { code, stdout, stderr } = await run(at(""), "compare", "--data", "nope", "--json");
  expect(code).toBe(2);
  expect(stdout).toBe("");
  expect(JSON.parse(stderr).error).toMatchObject({ code: "unknown-name", culprit: "nope" });
});

const cudaLibrary = new URL(
  `../../node_modules/onnxruntime-node/bin/napi-v6/${process.platform}/${process.arch}/libonnxruntime_providers_cuda.so`,
  import.meta.url,
);
describe.skipIf(existsSync(cudaLibrary))("without CUDA's libraries", () => {
  test.each([["compare"], ["reproduce", "l2", "--scale", "smoke"]])(
    "--device cuda is refused: %s",
    async (...args) => {
      const before = await lasting();
      const { code, stdout, stderr } = await run(at(""), ...args, "--device", "cuda");
      expect(stderr).toMatch(/^error: device cuda cannot be used here/m);
      expect(stderr).toMatch(/ONNXRUNTIME_NODE_INSTALL=cuda12/);
      expect([stdout, code]).toEqual(["", 1]);
      expect(await lasting()).toEqual(before);
    },
  );
});

test("an output folder of another comparison is refused", async () => {
  await mkdir(at("taken"));
  await writeFile(join(at("taken"), "setting.json"), "{}");
  const { code, stderr } = await run(at(""), "compare", "--out", "taken");
  expect(code).toBe(2);
  expect(stderr).toMatch(/taken already holds a comparison/);
  expect(stderr).toMatch(/--resume/);
  expect(await readdir(at("taken"))).toEqual(["setting.json"]);
});
