import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { basename } from "node:path";
import { type Source, type SplitOptions, splitBy, splitSizes } from "../data/index.ts";
import { OckhamError } from "../error.ts";
import { type Definition, exampleShape, type Preprocessing, type Task } from "../kinds/index.ts";
import { packageFile } from "../root.ts";
import { type Beginning, dataOf, membersOf } from "./begin.ts";
import type { ModelOf, Shelf } from "./candidates.ts";
import { metricsOf } from "./catalogue.ts";
import { isStudiable } from "./measure/corruptions.ts";
import { protocolOf } from "./protocol.ts";
import type { Candidate, Chosen, Environment, ProtocolOf, Setting } from "./results.ts";
import { checkForeign } from "./study/foreign.ts";

/** What a person asks to be compared. */
export interface CompareRequest {
  readonly data: Source;
  readonly candidates: readonly Candidate[];
  /** A person's own members, beside the registry's. */
  readonly own?: readonly Definition[];
  /** Changes when they do: trials of another version are not gone on with. */
  readonly ownVersion?: string;
  /** A person's own models by the names that candidates use. */
  readonly models?: Readonly<Record<string, ModelOf>>;
  /** What every model begins with, instead of random values: see `readBeginning`. */
  readonly from?: Beginning;
  readonly split?: SplitOptions;
  /** Who trains on what, when, scored how: a member of kind "setting". Plain training and testing unless told. */
  readonly protocol?: Chosen;
  readonly seeds?: readonly number[];
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly optimizer?: Chosen;
  readonly rate?: number;
  readonly schedule?: Chosen;
  readonly budget?: Setting["budget"];
  readonly tune?: number;
  readonly labelNoise?: number;
  /** The metric that names the winner; accuracy, RMSE, mean IoU or loss unless told. */
  readonly score?: string;
  /** Measures robustness and uncertainty in depth; `outside` is a data set the models should not be sure of. */
  readonly study?: { readonly kind: "noise"; readonly outside?: Source };
}

export const defaults = {
  seeds: Array.from({ length: 10 }, (_, i) => i),
  epochs: 40,
  batchSize: 32,
  optimizer: "adam",
  schedule: "cosine",
} as const;

/** The metric that names the winner unless told. */
const usualScore: Readonly<Record<Exclude<Task, "none">, string>> = {
  classification: "accuracy",
  regression: "rmse",
  segmentation: "meanIou",
  tokens: "loss",
};

/** What is not measured on data of this kind, and why. */
const unmeasured = ({ kind }: Preprocessing, studied: boolean): string[] => {
  const why: Partial<Record<Preprocessing["kind"], string>> = {
    text: "tokens are no numbers that could be moved a little",
    sequence: "those that are known are for tables and images",
    pair: "what moves one side of a pair changes what both are to each other",
    graph: "the graph that a model has learned is the one it is asked about",
  };
  if (why[kind] === undefined) return [];
  const what = studied ? "Attacks are" : "Corruption, attacks and the detection of foreign data are";
  return [`${what} not measured: ${why[kind]}.`];
};

/** Rows that the fingerprint of the data looks at. */
const fingerprintRows = 2000;

/** Changes when the data do. */
function fingerprint(data: Source): string {
  const hash = createHash("sha256");
  const step = Math.max(1, Math.ceil(data.size / fingerprintRows));
  const rows = Int32Array.from({ length: Math.ceil(data.size / step) }, (_, i) => i * step);
  const encoded = data.encode(data.fit(rows), rows);
  hash.update(JSON.stringify([data.name, data.size, data.classes]));
  for (const array of [
    ...Object.values(encoded.inputs),
    ...Object.values(encoded.graph ?? {}),
    encoded.target,
  ]) {
    const { buffer, byteOffset, byteLength } = array.data;
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest("hex").slice(0, 32);
}

const bad = (option: string, value: unknown, must: string): OckhamError =>
  new OckhamError("bad-option", option, `${option} is ${value}, but must be ${must}`, `give ${must}`);

function check(request: CompareRequest): void {
  const {
    seeds = defaults.seeds,
    epochs = defaults.epochs,
    batchSize = defaults.batchSize,
    rate,
    tune = 0,
    labelNoise = 0,
  } = request;
  const whole = (value: number, least: number) => Number.isSafeInteger(value) && value >= least;
  if (seeds.length === 0 || seeds.some((seed) => !whole(seed, 0)))
    throw bad("seeds", `[${seeds}]`, "one whole number of at least 0, or more");
  if (new Set(seeds).size < seeds.length)
    throw bad("seeds", `[${seeds}]`, "seeds that differ from each other");
  if (!whole(epochs, 1)) throw bad("epochs", epochs, "a whole number of at least 1");
  if (!whole(batchSize, 1)) throw bad("batch-size", batchSize, "a whole number of at least 1");
  if (rate !== undefined && !(rate > 0 && Number.isFinite(rate))) throw bad("rate", rate, "a number above 0");
  if (!whole(tune, 0)) throw bad("tune", tune, "a whole number of at least 0");
  if (!(labelNoise >= 0 && labelNoise < 1)) throw bad("label-noise", labelNoise, "a share from 0 to below 1");
  if (labelNoise > 0 && request.protocol !== undefined)
    throw new OckhamError(
      "conflict",
      "label-noise",
      `label noise is not added in the setting ${request.protocol.id}`,
      "leave it out; noisy labels are a setting of their own: --setting noisy-labels",
    );
  if (labelNoise > 0 && request.data.task !== "classification")
    throw new OckhamError("conflict", "label-noise", "label noise is for classification", "leave it out");
  if (request.protocol !== undefined && (request.budget?.kind ?? "epochs") !== "epochs")
    throw new OckhamError(
      "conflict",
      "budget",
      `a budget of ${request.budget?.kind} cannot be kept in the setting ${request.protocol.id}, which has stages of its own`,
      "give epochs",
    );
  if (request.budget !== undefined && !(request.budget.value > 0))
    throw bad("budget", request.budget.value, "a number above 0");
}

/** The whole setting of a comparison, checked. Throws `bad-option`, `unknown-name` and `conflict`. */
export async function settingOf(
  request: CompareRequest,
  members: Shelf = membersOf(request),
): Promise<Setting> {
  check(request);
  const { split = {}, from } = request;
  const data = dataOf(request);
  const protocol = request.protocol && (await described(request.protocol, members));
  const scores = metricsOf({ data: { task: data.task } as Setting["data"], protocol }).filter(
    (m) => m.group === "score" || m.group === "calibration",
  );
  const score = request.score ?? protocol?.measures[0].name ?? usualScore[data.task];
  if (!scores.some((m) => m.name === score))
    throw new OckhamError(
      "unknown-name",
      score,
      `there is no score "${score}" for ${protocol?.id ?? data.task}`,
      `there are ${scores.map((m) => m.name).join(", ")}`,
    );
  const optimizer = await complete(members, request.optimizer ?? { id: defaults.optimizer, options: {} });
  const schedule = await complete(members, request.schedule ?? { id: defaults.schedule, options: {} });
  const epochs = request.epochs ?? defaults.epochs;
  const [train, validation, test] = splitSizes(data, split);
  const all = Int32Array.from({ length: data.size }, (_, i) => i);
  const preprocessing = data.fit(all);
  const shape = exampleShape(data.encode(preprocessing, all.slice(0, 1)));
  return {
    version: versionOf(),
    data: {
      name: data.name,
      task: data.task,
      source:
        data.origin === undefined
          ? data.name
          : `${data.origin.title} (${data.origin.source}; ${data.origin.licence})`,
      fingerprint: fingerprint(data),
      size: data.size,
      classes: data.classes,
      inputShape: shape,
      notes: [...data.notes, ...unmeasured(preprocessing, request.study !== undefined)],
      labelNoise: request.labelNoise ?? 0,
    },
    split: {
      train,
      validation,
      test,
      by: splitBy(data, split),
    },
    ...(protocol && { protocol }),
    candidates: request.candidates,
    ...(from && { from: `${basename(from.path)} (${from.fingerprint})` }),
    ...(request.ownVersion === undefined ? {} : { ownVersion: request.ownVersion }),
    seeds: request.seeds ?? defaults.seeds,
    epochs,
    batchSize: request.batchSize ?? defaults.batchSize,
    optimizer,
    ...(request.rate === undefined ? {} : { rate: request.rate }),
    schedule,
    budget: request.budget ?? { kind: "epochs", value: epochs },
    tune: request.tune ?? 0,
    score,
    ...(request.study === undefined ? {} : { study: studyOf(request.study, data, preprocessing, protocol) }),
  };
}

/** Throws `conflict` for what a study does not measure. */
function studyOf(
  { kind, outside }: NonNullable<CompareRequest["study"]>,
  data: Source,
  preprocessing: Preprocessing,
  protocol: ProtocolOf | undefined,
): Setting["study"] {
  if (protocol !== undefined)
    throw new OckhamError(
      "conflict",
      "noise-study",
      `a noise study trains once and measures; ${protocol.id} has measures of its own`,
      "leave one of them out",
    );
  if (data.task === "segmentation" || data.task === "tokens" || !isStudiable(preprocessing))
    throw new OckhamError(
      "conflict",
      "noise-study",
      "a noise study is for one class or number of an example: a row of a table, an image or a text",
      "compare without it",
    );
  const about = { kind, ...(preprocessing.kind === "text" ? { texts: true as const } : {}) };
  if (outside === undefined) return about;
  checkForeign(data, outside);
  return { ...about, outside: `${outside.name} (${fingerprint(outside)})` };
}

/** A setting with all its options, and what it measures and shows. Throws `conflict` for a member that is no setting. */
async function described(chosen: Chosen, members: Shelf): Promise<ProtocolOf> {
  const filled = await complete(members, chosen);
  const { words, measures, figures } = await protocolOf(filled, members);
  return { ...filled, words, measures, figures };
}

/** A member with all its options filled in. */
async function complete(members: Shelf, { id, options }: Chosen): Promise<Chosen> {
  const definition = await members.get(id);
  const filled = Object.entries(definition.options).map(([name, option]) => [
    name,
    options[name] ?? option.default,
  ]);
  return { id, options: Object.fromEntries(filled) };
}

const manifest = () =>
  JSON.parse(readFileSync(packageFile("package.json"), "utf8")) as {
    version: string;
    dependencies: Record<string, string>;
  };

export const versionOf = (): string => manifest().version;

/** The machine and the versions. */
export function environmentOf(workers: number, now: Date, device = "cpu"): Environment {
  const processors = cpus();
  const { version, dependencies } = manifest();
  return {
    ockham: version,
    node: process.version,
    onnxruntime: dependencies["onnxruntime-node"].replace(/^[^\d]*/, ""),
    platform: `${process.platform} ${process.arch}`,
    cpu: processors[0]?.model ?? "unknown",
    cores: processors.length,
    workers,
    ...(device === "cpu" ? {} : { device }),
    date: now.toISOString(),
  };
}
