// Trains a transformer on Shakespeare's plays here and in PyTorch; what is the same for both stands in bench/README.md.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import type { NdArray } from "../../src/array/ndarray.ts";
import { writeNpz } from "../../src/array/npz.ts";
import { environmentOf } from "../../src/compare/setting.ts";
import { fetchDataset } from "../../src/data/index.ts";
import type { Dataset } from "../../src/kinds/index.ts";
import { weightDecay } from "../../src/methods/regularizers/weightDecay.ts";
import { languageModel, nextToken } from "../../src/nn/index.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { cosine } from "../../src/parts/schedules/cosine.ts";
import { packageFile } from "../../src/root.ts";
import { type Host, openHost } from "../../src/runtime/index.ts";
import { batchesOf } from "../../src/training/batches.ts";
import { type Plan, planOf, train } from "../../src/training/index.ts";
import { runKey } from "../../src/training/runs.ts";
import { pageOf, type Result, type Run } from "./page.ts";
import { setting } from "./setting.ts";

const here = (path: string): string => fileURLToPath(packageFile(path));
const results = here("bench/results/shakespeare.json");
const page = here("bench/results/shakespeare.md");
const folder = here(".cache/shakespeare");
const usualPython = here(".cache/bench/venv/bin/python");

const { values: flags } = parseArgs({
  options: {
    seeds: { type: "string", default: "0,1,2" },
    python: { type: "string", default: usualPython },
    quick: { type: "boolean", default: false },
  },
});
if (!existsSync(flags.python)) {
  process.stderr.write(
    `there is no ${flags.python}: npm run bench:peers installs PyTorch; or name one with --python\n`,
  );
  process.exit(2);
}

const seeds = flags.seeds.split(",").map(Number);
const epochs = flags.quick ? 1 : setting.epochs;

/** The text's windows: all but the end to train on, the end to measure on. */
async function dataOf(): Promise<{ train: Dataset; held: Dataset; vocabulary: number }> {
  const source = await fetchDataset("shakespeare", { tokens: setting.tokens });
  const all = Int32Array.from({ length: source.size }, (_, row) => row);
  const size = Math.round((1 - setting.held) * source.size);
  const [first, last] = flags.quick
    ? [all.subarray(0, 640), all.subarray(-640)]
    : [all.subarray(0, size), all.subarray(size)];
  const preprocessing = source.fit(all.subarray(0, size));
  return {
    train: source.encode(preprocessing, first),
    held: source.encode(preprocessing, last),
    vocabulary: preprocessing.kind === "text" ? preprocessing.vocabulary : 0,
  };
}

const { train: data, held, vocabulary } = await dataOf();
const plan = planOf(
  {
    model: languageModel(vocabulary, setting.tokens, setting),
    methods: [{ name: "weight-decay", method: weightDecay({ strength: setting.decay }) }],
    optimizer: adam(),
    schedule: cosine({ warmup: setting.warmup }),
    loss: nextToken,
    rate: setting.rate,
    batchSize: setting.batch,
    epochs,
  },
  data,
);

/** Initial weights by path, as training draws them. */
async function weightsOf(
  { initial, leaves }: Plan,
  seed: number,
  host: Host,
): Promise<Record<string, NdArray>> {
  const key: NdArray = { dtype: "uint32", shape: [2], data: Uint32Array.from(runKey(seed)) };
  const { outputs } = await host.run(await host.load(initial), { key });
  return Object.fromEntries(
    leaves.map(({ path }) => [`params/${path}`, outputs[`params/${path}`] as NdArray]),
  );
}

async function ours(seed: number): Promise<Run> {
  const host = openHost({ threads: setting.threads });
  try {
    const file = join(folder, "start.npz");
    const steps = plan.stepsPerEpoch * epochs;
    const arrays: Record<string, NdArray> = {
      "train/x": data.inputs.ids,
      "train/y": data.target,
      "held/x": held.inputs.ids,
      "held/y": held.target,
      batches: batchesOf(plan, [{ seed }]).of(0, steps),
      ...(await weightsOf(plan, seed, host)),
    };
    writeFileSync(file, writeNpz(arrays));
    const trained = await train(plan, data, seed, host, { validation: held });
    const curve = trained.history.map(({ trainLoss, validationLoss }) => ({
      train: trainLoss,
      held: validationLoss as number,
    }));
    return { curve, seconds: trained.seconds };
  } finally {
    await host.close();
  }
}

async function theirs(): Promise<Run & { readonly versions: Readonly<Record<string, string>> }> {
  const job = {
    ...setting,
    epochs,
    vocabulary,
    stepsPerEpoch: plan.stepsPerEpoch,
    file: join(folder, "start.npz"),
  };
  const { stdout } = await promisify(execFile)(
    flags.python,
    [here("bench/shakespeare/torch_peer.py"), JSON.stringify(job)],
    { maxBuffer: 2 ** 26 },
  );
  return JSON.parse(stdout);
}

mkdirSync(folder, { recursive: true });
const { ockham, node, onnxruntime, cpu, cores, date } = environmentOf(1, new Date());
const trained: Result["setting"] = {
  ...setting,
  epochs,
  vocabulary,
  steps: plan.stepsPerEpoch * epochs,
  windows: data.size,
  heldWindows: held.size,
};

/** Seeds that were kept before in the same setting, but for those that are trained anew. */
function keptSeeds(): Result["seeds"] {
  if (flags.quick || !existsSync(results)) return [];
  const kept = JSON.parse(readFileSync(results, "utf8")) as Result;
  const same = JSON.stringify(kept.setting) === JSON.stringify(trained);
  return same ? kept.seeds.filter(({ seed }) => !seeds.includes(seed)) : [];
}

let result: Result = {
  setting: trained,
  environment: { ockham, node, onnxruntime, cpu, cores, date },
  seeds: keptSeeds(),
};
for (const seed of seeds) {
  process.stderr.write(`seed ${seed}: ockham\n`);
  const own = await ours(seed);
  process.stderr.write(`  loss ${own.curve.at(-1)?.held}; torch\n`);
  const { versions, ...peer } = await theirs();
  process.stderr.write(`  loss ${peer.curve.at(-1)?.held}\n`);
  result = {
    ...result,
    environment: { ...result.environment, ...versions },
    seeds: [...result.seeds, { seed, ockham: own, torch: peer }].sort((x, y) => x.seed - y.seed),
  };
  if (flags.quick) continue;
  writeFileSync(results, `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(page, pageOf(result));
}
rmSync(folder, { recursive: true });
process.stdout.write(pageOf(result));
