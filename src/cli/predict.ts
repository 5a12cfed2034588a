import { Command } from "commander";
import { counted } from "../compare/format.ts";
import type { Predictions } from "../compare/predict.ts";
import { write } from "./terminal.ts";
import { checkFolder, checkWritable } from "./writable.ts";

interface PredictFlags {
  readonly out?: string;
  readonly images?: string;
  readonly json?: boolean;
}

const examples = `
Examples:
  ockham compare --data people.csv --target income --export best.onnx
  ockham predict best.onnx new.csv --out predictions.csv
  ockham predict best.onnx photos --out masks              for a class a pixel: a mask an image
  ockham predict best.onnx walks.csv                       of sequences: a step a row, a prediction a sequence
  ockham predict best.onnx pairs.csv --images photos       of pairs of images: a table with the columns left and right`;

export const predictCommand = (): Command =>
  new Command("predict")
    .summary("use an exported model on new data")
    .description('Predicts with a model that "ockham compare --export" wrote: its preprocessing is inside.')
    .argument("<model>", "the .onnx file")
    .argument("<data>", "a table with the columns the model was trained on, a folder of images, or texts")
    .option("--images <folder>", "of pairs of images: where these are (default: beside the table)")
    .option("-o, --out <file>", "where predictions go, as CSV (default: standard output); a folder for masks")
    .option("--json", "as JSON on standard output")
    .option("--debug", "where an error comes from")
    .addHelpText("after", examples)
    .action(predict);

async function predict(model: string, data: string, { out, images, json }: PredictFlags): Promise<void> {
  const { predictFile, predictionsCsv } = await import("../compare/predict.ts");
  if (out !== undefined) await ((await makesMasks(model)) ? checkFolder(out) : checkWritable(out));
  const predictions = await predictFile(model, data, { out, images });
  if (json) await write(process.stdout, `${JSON.stringify(predictions)}\n`);
  else if (out === undefined) await write(process.stdout, predictionsCsv(predictions));
  else await write(process.stdout, `${countOf(predictions)} of ${predictions.target} in ${out}\n`);
}

async function makesMasks(model: string): Promise<boolean> {
  const [{ readExported }, { readBytes }] = await Promise.all([
    import("../compare/exported.ts"),
    import("../data/files.ts"),
  ]);
  return readExported(await readBytes(model), model).task === "segmentation";
}

/** How many there are, in words. */
function countOf(predictions: Predictions): string {
  if (predictions.task === "segmentation") return counted(predictions.masks.length, "mask");
  const { length } =
    predictions.task === "classification"
      ? predictions.labels
      : predictions.task === "tokens"
        ? predictions.texts
        : predictions.values;
  return counted(length, "prediction");
}
