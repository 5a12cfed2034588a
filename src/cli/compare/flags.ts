import { OckhamError } from "../../error.ts";

/** What `ockham compare` was told, as texts. */
export interface CompareFlags {
  readonly data?: string;
  readonly images?: string;
  readonly masks?: string;
  readonly edges?: string;
  readonly id?: string;
  readonly pairs?: string | true;
  readonly sequence?: string | true;
  readonly text?: string | true;
  readonly tokenizer?: string;
  readonly tokens?: string;
  readonly vocabulary?: string;
  readonly target?: string;
  readonly task?: string;
  readonly test?: string;
  readonly group?: string;
  readonly time?: string;
  readonly split?: string;
  readonly drop?: readonly string[];
  readonly keep?: readonly string[];
  readonly categories?: readonly string[];
  readonly missing?: readonly string[];
  readonly trainSize?: string;
  readonly validationSize?: string;
  readonly testSize?: string;
  readonly labelNoise?: string;
  readonly groups?: string;
  readonly setting?: string;
  readonly model?: string;
  readonly from?: string;
  readonly methods?: string;
  readonly method?: readonly string[];
  readonly set?: readonly string[];
  readonly tune?: string;
  readonly seeds?: string;
  readonly epochs?: string;
  readonly budget?: string;
  readonly batchSize?: string;
  readonly optimizer?: string;
  readonly rate?: string;
  readonly schedule?: string;
  readonly score?: string;
  readonly noiseStudy?: boolean;
  readonly outside?: string;
  readonly workers?: string;
  readonly device?: string;
  readonly out?: string;
  readonly resume?: boolean;
  readonly export?: string;
  readonly json?: boolean;
  readonly csv?: string | true;
  readonly quiet?: boolean;
  readonly debug?: boolean;
}

/** The text as typed of a flag's name: `--train-size`. */
export const flagOf = (name: string): string =>
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

type Clash = readonly [one: keyof CompareFlags, other: keyof CompareFlags, why: string, hint: string];

const clashes: readonly Clash[] = [
  ["data", "images", "both name the data", "give one of them"],
  ["images", "test", "test images lie in a folder test/ beside train/", "leave --test out"],
  ["images", "group", "images have no columns", "leave --group out"],
  ["images", "groups", "images have no columns", "leave --groups out"],
  ["images", "time", "images have no columns", "leave --time out"],
  ["images", "split", "images have no columns", "leave --split out"],
  ["test", "split", "both say which rows are for testing", "give one of them"],
  ["trainSize", "split", "the column says how large the parts are", "give one of them"],
  ["validationSize", "split", "the column says how large the parts are", "give one of them"],
  ["testSize", "split", "the column says how large the parts are", "give one of them"],
  ["images", "drop", "images have no columns", "leave --drop out"],
  ["images", "keep", "images have no columns", "leave --keep out"],
  ["images", "categories", "images have no columns", "leave --categories out"],
  ["images", "missing", "images have no cells", "leave --missing out"],
  ["masks", "target", "the masks are what is predicted", "leave --target out"],
  ["masks", "task", "masks are a class a pixel", "leave --task out"],
  ["noiseStudy", "setting", "a noise study trains once and measures", "leave --setting out"],
  ["images", "text", "the data are images or texts", "give one of them"],
  ["images", "edges", "the data are images or nodes of a graph", "give one of them"],
  ["pairs", "edges", "nodes of a graph are no pairs", "give one of them"],
  ["pairs", "masks", "pairs are told apart as wholes", "give one of them"],
  ["pairs", "noiseStudy", "a noise study is for single examples", "leave --noise-study out"],
  ["sequence", "edges", "the data are steps or nodes of a graph", "give one of them"],
  ["sequence", "pairs", "the data are steps or pairs", "give one of them"],
  ["sequence", "text", "the data are numbers or texts", "give one of them"],
  ["sequence", "images", "the data are steps or images", "give one of them"],
  ["sequence", "test", "all steps are in one table", "leave --test out"],
  ["sequence", "noiseStudy", "a noise study is for tables and images", "leave --noise-study out"],
  ["text", "edges", "the data are texts or nodes of a graph", "give one of them"],
  ["test", "edges", "all nodes are in one table", "leave --test out"],
  ["test", "testSize", "the test rows are those of the file", "leave --test-size out"],
];

/** What a column may say, also of a table of pairs of images. */
const roles: ReadonlySet<keyof CompareFlags> = new Set(["group", "groups", "time", "split"]);

/** Throws `conflict` for flags that make no sense together. */
export function checkFlags(flags: CompareFlags): void {
  const inTable = (flag: keyof CompareFlags) => typeof flags.pairs === "string" && roles.has(flag);
  for (const [one, other, why, hint] of clashes)
    if (flags[one] !== undefined && flags[other] !== undefined && !(one === "images" && inTable(other)))
      throw clash(`${flagOf(one)} and ${flagOf(other)}`, why, hint);
  if (flags.masks !== undefined && flags.images === undefined)
    throw clash(
      "--masks without --images",
      "masks belong to images",
      "name the folder of the images with --images",
    );
  if (flags.id !== undefined && flags.edges === undefined)
    throw clash("--id without --edges", "it names the nodes of a graph", "add --edges");
  if (typeof flags.pairs === "string" && flags.images === undefined)
    throw clash(
      `--pairs ${flags.pairs} without --images`,
      "a table of pairs is the data itself, unless they are of images",
      "write --pairs alone after the data, or name the folder of the images",
    );
  if (flags.pairs === true && flags.images !== undefined)
    throw clash(
      "--images and --pairs without a file",
      "someone must say which images are pairs",
      "name a table: left, right and label",
    );
  if (flags.json && flags.csv === true)
    throw clash("--json and --csv", "both want standard output", "give --csv a file");
  if (flags.outside !== undefined && !flags.noiseStudy)
    throw clash(
      "--outside without --noise-study",
      "only a noise study looks at foreign data",
      "add --noise-study",
    );
}

export const clash = (what: string, why: string, hint: string): OckhamError =>
  new OckhamError("conflict", what, `${what} do not go together: ${why}`, hint);
