import {
  asBegun,
  type Candidate,
  type Chosen,
  type CompareRequest,
  candidatesFor,
  defaults,
  membersOf,
  methodsOf,
  modelFor,
  optionsOf,
  parseMethods,
  parseSetting,
  protocolOf,
  readBeginning,
  type Shelf,
  shelf,
} from "../../compare/index.ts";
import { type Source, type SplitOptions, splitSizes } from "../../data/index.ts";
import { nearest, OckhamError } from "../../error.ts";
import {
  type Dataset,
  type Definition,
  exampleShape,
  type Kind,
  mainInput,
  thingShape,
} from "../../kinds/index.ts";
import { models, siameseName } from "../../nn/index.ts";
import { registry } from "../../registry.ts";
import { only } from "../../training/index.ts";
import { outsideOf, sampleOf, sourceOf, splitOf, usualSplit } from "./data.ts";
import { type CompareFlags, checkFlags, clash } from "./flags.ts";
import { budgetOf, numberOf, seedsOf, wholeOf } from "./numbers.ts";
import { ownDefinitions, versionOfFiles } from "./own.ts";

/** Training on the data and testing on others: the usual comparison. */
const plainSetting = "supervised";

/** The request that the flags ask for, checked as far as it can be before anything is trained or written. */
export async function requestOf(said: CompareFlags, signal: AbortSignal): Promise<CompareRequest> {
  checkFlags(said);
  numbersOf(said);
  const own = await ownDefinitions(said.method ?? []);
  const from = said.from === undefined ? undefined : await readBeginning(said.from);
  const bare = shelf(own);
  const asked = said.methods === undefined ? undefined : parseMethods(said.methods);
  for (const id of new Set((asked ?? []).flat())) await bare.get(id);
  const data = await sourceOf(said, signal, from);
  const sample = sampleOf(asBegun(data, from));
  const flags = { ...usualFlags(sample, data, said), ...said };
  const numbers = numbersOf(flags);
  const split = usualSplit(data, splitOf(flags));
  const members = membersOf({ own, data, from });
  const modelNames =
    from?.network === undefined || flags.model !== undefined
      ? modelsFor(flags, sample, members, from?.model)
      : [from.model ?? ""];
  const outside = await outsideOf(flags, signal);
  const protocol = await protocolFor(flags, members);
  if (protocol !== undefined && flags.export !== undefined)
    throw clash("--export and --setting", "a setting trains in stages of its own", "leave --export out");
  const shape = exampleShape(sample);
  const usual =
    protocol?.usual ??
    (flags.noiseStudy
      ? studiedMethods(data, shape, modelNames, isCounted(sample))
      : usualMethods(data, shape, isCounted(sample)));
  const base = asked ?? parseMethods(usual.join());
  const combinations = [...base, ...missing(own, base)];
  const set = (flags.set ?? []).filter((text) => parseSetting(text).id !== protocol?.chosen.id);
  const { optimizer, schedule, rest } = await choices(flags, set, members, new Set(combinations.flat()));
  const candidates = await candidatesFor(modelNames, combinations, rest, members);
  await refuseDouble(candidates, members);
  return {
    data,
    own,
    ...(own.length > 0 && { ownVersion: await versionOfFiles(flags.method ?? []) }),
    candidates,
    ...(from && { from }),
    split,
    ...(protocol && { protocol: protocol.chosen }),
    ...numbers,
    ...budgetFor(flags, data, split),
    ...(optimizer && { optimizer }),
    ...(schedule && { schedule }),
    ...(flags.score !== undefined && { score: flags.score }),
    ...(flags.noiseStudy && { study: { kind: "noise" as const, ...(outside && { outside }) } }),
  };
}

/** The setting asked for with its options, and the methods it usually compares; undefined for plain training. */
async function protocolFor(
  { setting: id = plainSetting, set = [] }: CompareFlags,
  members: Shelf,
): Promise<{ readonly chosen: Chosen; readonly usual: readonly string[] } | undefined> {
  const own = set.map(parseSetting).filter((one) => one.id === id);
  if (id === plainSetting) return undefined;
  const known = registry.filter(({ kind }) => kind === "setting").map((entry) => entry.id);
  if (!known.includes(id)) throw unknownName("setting", id, [plainSetting, ...known]);
  const given = Object.fromEntries(own.map(({ option, value }) => [option, value]));
  const chosen = { id, options: optionsOf(await members.get(id), given) };
  const { usual } = await protocolOf(chosen, members);
  return { chosen, usual };
}
/** What is usual for data of a kind: an epoch of a language model is long, one of a graph is a step of all nodes. */
function usualFlags({ task, graph }: Dataset, { size }: Source, { budget }: CompareFlags): CompareFlags {
  const epochs = (n: number) => (budget === undefined ? { epochs: `${n}` } : {});
  if (task === "tokens") return { seeds: "3", ...epochs(10) };
  if (graph !== undefined) return { batchSize: `${size}`, rate: "0.01", ...epochs(200) };
  return {};
}

/** Whether examples are named by whole numbers, which cannot be blended. */
const isCounted = (sample: Dataset): boolean => mainInput(sample).dtype === "int32";

function numbersOf(flags: CompareFlags): Partial<CompareRequest> {
  const { seeds, epochs, batchSize, rate, tune, labelNoise } = flags;
  const share = (text: string) =>
    numberOf("--label-noise", text, "a share from 0 to below 1", (v) => v >= 0 && v < 1);
  return {
    ...(seeds !== undefined && { seeds: seedsOf(seeds) }),
    ...(epochs !== undefined && { epochs: wholeOf("--epochs", epochs) }),
    ...(batchSize !== undefined && { batchSize: wholeOf("--batch-size", batchSize) }),
    ...(rate !== undefined && { rate: numberOf("--rate", rate) }),
    ...(tune !== undefined && { tune: wholeOf("--tune", tune, 2) }),
    ...(labelNoise !== undefined && { labelNoise: share(labelNoise) }),
  };
}

/** A person's own members that no combination names stand for themselves. */
function missing(own: readonly Definition[], named: readonly (readonly string[])[]): string[][] {
  const used = new Set(named.flat());
  return own.filter(({ id }) => !used.has(id)).map(({ id }) => [id]);
}

/** Eight methods that the data have a use for. */
export function usualMethods(
  data: Pick<Source, "task">,
  shape: readonly number[],
  counted = false,
): string[] {
  const classes = data.task === "classification";
  if (data.task === "segmentation")
    return ["weight-decay", "l2", "early-stopping", "l1", "input-noise", "cutmix", "mixup", "sam"];
  return [
    "weight-decay",
    "dropout",
    classes ? "label-smoothing" : "l2",
    "early-stopping",
    "l1",
    shape.length === 3 ? "cutout" : "norm-loss",
    counted ? "clip-norm" : "mixup",
    "sam",
  ];
}

/** The methods of a noise study: what the data and the models have a use for, and two combinations. */
export function studiedMethods(
  data: Pick<Source, "task">,
  shape: readonly number[],
  models: readonly string[],
  text = false,
): string[] {
  const classes = data.task === "classification";
  const images = shape.length === 3;
  if (text)
    return [
      "weight-decay",
      ...(classes ? ["label-smoothing"] : ["l2"]),
      "dropout",
      "clip-norm",
      "sam",
      ...(classes ? ["dropout+label-smoothing"] : ["dropout+weight-decay"]),
    ];
  return [
    "weight-decay",
    ...(classes ? ["label-smoothing"] : []),
    "dropout",
    "input-noise",
    "mixup",
    "manifold-mixup",
    ...(images ? ["cutout", "cutmix"] : []),
    ...(classes ? ["mixup+label-smoothing"] : []),
    images ? "cutmix+input-noise" : "mixup+input-noise",
    ...(images && models.every((name) => name === "resnet") ? ["stochastic-depth"] : []),
  ];
}

/** The models asked for, or those that suit the data. Throws `unknown-name`; `conflict` for one that cannot take the data. */
function modelsFor(
  { model: text, noiseStudy }: CompareFlags,
  sample: Dataset,
  members: Shelf,
  begun?: string,
): string[] {
  if (text === undefined) {
    if (begun !== undefined) return [namedAs(begun, sample, members)];
    if (sample.vocabulary !== undefined) return ["transformer"];
    if (sample.graph !== undefined) return ["gcn"];
    if (sample.task === "segmentation") return ["unet"];
    if (thingShape(sample).length === 2) return ["gru"];
    if (thingShape(sample).length !== 3) return ["mlp"];
    return noiseStudy ? ["cnn"] : ["mlp", "cnn"];
  }
  const names = [...new Set(text.split(",").map((name) => name.trim()))];
  for (const name of names) modelFor(sample, members.model(name));
  return names;
}

/** The name of the model that calls itself so on such data, or on one side of pairs. Throws `conflict` where there is none. */
function namedAs(name: string, sample: Dataset, { random }: Shelf): string {
  const names = [name, ...(sample.paired ? [siameseName(name)] : [])];
  const found = Object.keys(models).find((one) => {
    try {
      return names.includes(modelFor(sample, random.model(one)).name);
    } catch {
      // it cannot take such data
      return false;
    }
  });
  if (found !== undefined) return found;
  throw new OckhamError(
    "conflict",
    "--from",
    `the file holds the network ${name}, which is none of the models by name for such data`,
    "begin with the file that the network came from",
  );
}

function unknownName(what: string, name: string, known: readonly string[]): OckhamError {
  const near = nearest(name, known);
  return new OckhamError(
    "unknown-name",
    name,
    `there is no ${what} called "${name}"`,
    near === undefined ? `there are ${known.join(", ")}` : `did you mean "${near}"?`,
  );
}

interface Choices {
  readonly optimizer?: Chosen;
  readonly schedule?: Chosen;
  /** Settings of the methods compared. */
  readonly rest: readonly string[];
}

/** Optimizer and schedule with the options set for them; what is left is for the methods compared. */
async function choices(
  flags: CompareFlags,
  set: readonly string[],
  members: Shelf,
  compared: ReadonlySet<string>,
): Promise<Choices> {
  const parsed = set.map((text) => ({ text, ...parseSetting(text) }));
  const choose = async (kind: Kind, flag: string | undefined, usual: string): Promise<Chosen | undefined> => {
    const id = flag ?? usual;
    const own = parsed.filter((one) => one.id === id);
    if (flag === undefined && own.length === 0) return undefined;
    const known = registry.filter((entry) => entry.kind === kind).map((entry) => entry.id);
    const definition = known.includes(id) ? await members.get(id) : undefined;
    if (definition === undefined) throw unknownName(kind, id, known);
    return { id, options: optionsOf(definition, Object.fromEntries(own.map((o) => [o.option, o.value]))) };
  };
  const optimizer = await choose("optimizer", flags.optimizer, defaults.optimizer);
  const schedule = await choose("schedule", flags.schedule, defaults.schedule);
  const used = new Set([optimizer?.id, schedule?.id]);
  const rest = parsed.filter(({ id }) => compared.has(id) || !used.has(id)).map(({ text }) => text);
  return { optimizer, schedule, rest };
}

/** Throws `conflict` for a+b where both fill a slot that takes one. */
async function refuseDouble(candidates: readonly Candidate[], members: Shelf): Promise<void> {
  for (const { methods } of candidates) {
    const made = await methodsOf(methods, members);
    for (const slot of ["losses", "risk", "optimizer", "predict"] as const) only(made, slot);
  }
}

/** What every candidate may spend. Gradients, unless told: as many as plain training takes. */
function budgetFor(
  flags: CompareFlags,
  data: Source,
  split: SplitOptions,
): Pick<CompareRequest, "budget" | "epochs"> {
  if (flags.budget === undefined) return {};
  const { kind, value } = budgetOf(flags.budget);
  if (flags.epochs !== undefined && (value !== undefined || kind === "seconds"))
    throw clash("--epochs and --budget", "both say how long to train", "give one of them");
  if (kind === "epochs") return value === undefined ? {} : { epochs: value };
  if (value !== undefined) return { budget: { kind, value } };
  const epochs = flags.epochs === undefined ? defaults.epochs : wholeOf("--epochs", flags.epochs);
  const [train] = splitSizes(data, split);
  const batch = flags.batchSize === undefined ? defaults.batchSize : wholeOf("--batch-size", flags.batchSize);
  const steps = Math.max(1, Math.floor(train / Math.min(batch, train)));
  return { budget: { kind, value: epochs * steps } };
}
