import { Command } from "commander";
import { write } from "./terminal.ts";
import { checkWritable } from "./writable.ts";

interface PredictFlags {
  readonly out?: string;
  readonly json?: boolean;
}

const examples = `
Examples:
  ockham compare --data people.csv --target income --export best.onnx
  ockham predict best.onnx new.csv --out predictions.csv`;

export const predictCommand = (): Command =>
  new Command("predict")
    .summary("use an exported model on new data")
    .description('Predicts with a model that "ockham compare --export" wrote: its preprocessing is inside.')
    .argument("<model>", "the .onnx file")
    .argument("<data>", "a table with the columns the model was trained on, a folder of images, or texts")
    .option("-o, --out <file>", "where predictions go, as CSV (default: standard output)")
    .option("--json", "as JSON on standard output")
    .option("--debug", "where an error comes from")
    .addHelpText("after", examples)
    .action(predict);

async function predict(model: string, data: string, { out, json }: PredictFlags): Promise<void> {
  if (out !== undefined) await checkWritable(out);
  const { predictFile, predictionsCsv } = await import("../compare/predict.ts");
  const predictions = await predictFile(model, data, { out });
  if (json) await write(process.stdout, `${JSON.stringify(predictions)}\n`);
  else if (out === undefined) await write(process.stdout, predictionsCsv(predictions));
  else {
    const { length } =
      predictions.task === "classification"
        ? predictions.labels
        : predictions.task === "tokens"
          ? predictions.texts
          : predictions.values;
    await write(process.stdout, `${length} predictions of ${predictions.target} in ${out}\n`);
  }
}
