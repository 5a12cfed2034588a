import { fileURLToPath } from "node:url";
import { nearest, OckhamError } from "../error.ts";
import { packageFile } from "../root.ts";
import { readText } from "./files.ts";
import { imageSource } from "./pixels.ts";
import { readRaw } from "./raw.ts";
import { columnOf, textsOf } from "./rawTable.ts";
import type { ColumnTask, Origin, Source } from "./source.ts";
import { readTable } from "./table.ts";
import { passageSource, type TextOptions } from "./text/sources.ts";

/** A data set known by name. */
export interface Listing extends Origin {
  readonly name: string;
  readonly task: Source["task"];
  readonly size: number;
  /** What one row is: the shape of an image, the number of columns, or the characters of a stretch of text. */
  readonly input: string;
}

interface Shipped extends Listing {
  readonly task: ColumnTask | "tokens";
  /** The column to predict; empty for texts that are continued. */
  readonly target: string;
  /** Side of the images and the number of full brightness, where the rows are images. */
  readonly image?: { readonly side: number; readonly full: number };
}

const byAttribution = "CC BY 4.0";

const shipped: readonly Shipped[] = [
  {
    name: "digits",
    title: "Handwritten digits, 8 x 8 pixels",
    task: "classification",
    size: 1797,
    input: "1 x 8 x 8",
    target: "digit",
    source: "Alpaydin and Kaynak, UCI Machine Learning Repository, 1998, doi:10.24432/C50P49",
    licence: byAttribution,
    image: { side: 8, full: 16 },
  },
  {
    name: "breast-cancer",
    title: "Breast cancer, Wisconsin (diagnostic)",
    task: "classification",
    size: 569,
    input: "30 columns",
    target: "diagnosis",
    source: "Wolberg et al., UCI Machine Learning Repository, 1993, doi:10.24432/C5DW2B",
    licence: byAttribution,
  },
  {
    name: "wine",
    title: "Wine cultivars by chemical analysis",
    task: "classification",
    size: 178,
    input: "13 columns",
    target: "cultivar",
    source: "Aeberhard and Forina, UCI Machine Learning Repository, 1992, doi:10.24432/C5PC7J",
    licence: byAttribution,
  },
  {
    name: "diabetes",
    title: "Progression of diabetes after one year",
    task: "regression",
    size: 442,
    input: "10 columns",
    target: "progression",
    source: "Efron, Hastie, Johnstone and Tibshirani, Annals of Statistics 32, 2004",
    licence: "published with the paper without a licence of its own",
  },
  {
    name: "penguins",
    title: "Penguins of the Palmer Archipelago",
    task: "classification",
    size: 344,
    input: "7 columns",
    target: "species",
    source: "Gorman, Williams and Fraser, PLoS ONE 9(3), 2014, by way of palmerpenguins",
    licence: "CC0 1.0",
  },
  {
    name: "coriolanus",
    title: "The first scenes of Shakespeare's Coriolanus",
    task: "tokens",
    size: 560,
    input: "64 characters",
    target: "",
    source: "William Shakespeare; the beginning of the text compiled by Andrej Karpathy for char-rnn, 2015",
    licence: "public domain",
  },
];

/** The data sets that ship with the package. */
export const datasets = (): readonly Listing[] =>
  shipped.map(({ name, title, task, size, input, source, licence }) => ({
    name,
    title,
    task,
    size,
    input,
    source,
    licence,
  }));

/** A data set that ships with the package; `options` are for texts. Throws `unknown-name`, with the nearest name. */
export async function loadDataset(name: string, options: TextOptions = {}): Promise<Source> {
  const found = shipped.find((one) => one.name === name);
  if (found === undefined) {
    const names = shipped.map((one) => one.name);
    const near = nearest(name, names);
    throw new OckhamError(
      "unknown-name",
      name,
      `no data set named ${JSON.stringify(name)} ships with Ockham`,
      near === undefined ? `these do: ${names.join(", ")}` : `did you mean ${near}?`,
    );
  }
  const { title, source, licence, target, task } = found;
  const origin = { title, source, licence };
  // The same two steps up from src/data and from dist/data.
  const file = (ending: string) => fileURLToPath(packageFile(`data/${name}.${ending}`));
  if (task === "tokens") return passageSource({ name, origin }, await readText(file("txt.gz")), options);
  const path = file("csv.gz");
  return found.image
    ? tabledImages(path, found, found.image, origin)
    : readTable(path, { name, target, task, origin });
}

async function tabledImages(
  path: string,
  { name, target }: Shipped,
  { side, full }: { readonly side: number; readonly full: number },
  origin: Origin,
): Promise<Source> {
  const table = await readRaw(path);
  const digits = textsOf(columnOf(table, target, "target")).map(Number);
  const pixels = table.columns.filter((column) => column.name !== target);
  const data = new Uint8Array(table.rows * pixels.length);
  pixels.forEach((column, p) => {
    textsOf(column).forEach((cell, row) => {
      data[row * pixels.length + p] = Number(cell);
    });
  });
  const classes = [...new Set(digits)].sort((a, b) => a - b).map(String);
  const labels = Int32Array.from(digits, (digit) => classes.indexOf(String(digit)));
  const notes = [
    `${table.rows} images of [1,${side},${side}] (channels, height, width), pixels 0 to ${full}.`,
  ];
  return imageSource(
    { name, target: { task: "classification", name: target, classes, labels }, notes, origin },
    { shape: [1, side, side], data, full },
  );
}
