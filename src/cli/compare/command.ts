import { Command } from "commander";
import { deviceHelp } from "../device.ts";
import { type CompareFlags, clash } from "./flags.ts";

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

const examples = `
Examples:
  ockham compare                                           UCI digits, an MLP and a CNN, eight methods, ten seeds
  ockham compare --methods mixup,sam+dropout --seeds 5     these two combinations against plain training
  ockham compare --data people.csv --target income         your own table: CSV, TSV, Parquet, JSON, gzipped or not
  ockham compare --images photos --model resnet            your own images, a folder a class
  ockham compare mails.csv --text body --target spam       texts of a column, told apart
  ockham compare story.txt --text                          one long text, continued character by character
  ockham compare --method ./mine.ts --set mine.strength=2  your own method, in TypeScript
  ockham compare --setting continual --methods replay,ewc  tasks one after the other: what is forgotten
  ockham compare --tune 8 --budget gradients               options tuned, the same number of gradients for all
  ockham compare --images photos --masks masks             a class for every pixel: masks in a folder of their own
  ockham compare papers.csv --target field --edges cites.csv   nodes of a graph, told apart
  ockham compare twins.csv --pairs --target same             pairs: the same or not, or how alike
  ockham compare gait.csv --sequence walk --time t --target who  sequences: a step a row
  ockham compare --noise-study --data penguins             which method makes a sturdy and honest model
  ockham compare --from best.onnx --images more            fine-tuning: begins with what was learned before
  ockham compare --resume                                  goes on where the same command was stopped

Left in the output folder: report.html, comparison.json, trials.csv.
"ockham methods" lists the methods, "ockham datasets" the data sets.`;

export const compareCommand = (): Command =>
  new Command("compare")
    .summary("train a model under several methods, and say which helps")
    .description(
      "Trains models with and without regularization methods on the same splits, with the same budget, over several " +
        "seeds; shows which method helps, in what respect, how surely, and at what price.",
    )
    .argument("[data]", "the same as --data")
    .optionsGroup("Data:")
    .option(
      "--data <file or name>",
      "a table, arrays, a folder, or a data set by name (default: digits, 400 training images)",
    )
    .option("--target <column>", "the column of a table, or of a labels.csv, to predict")
    .option(
      "--images <folder>",
      "images in one folder a class, or with a labels.csv: file and what is to be predicted, a class or a number",
    )
    .option("--masks <folder>", "a mask for each of the images: a class a pixel is predicted")
    .option("--edges <file>", "a table of edges: the rows of the data are the nodes of a graph")
    .option("--id <column>", "the names of the nodes, by which edges call them (default: id, else the first)")
    .option(
      "--pairs [file]",
      "rows are pairs: columns left_... and right_...; of --images a table: left, right and what is to be predicted",
    )
    .option(
      "--sequence [column]",
      "rows are steps: the column that says of which sequence, and --time its order; alone: arrays [n, steps, features]",
    )
    .option("--text [column]", "the column of a table that holds texts; alone: plain .txt files")
    .option(
      "--tokenizer <name or file>",
      "characters, words, bytes, or a tokenizer.json, vocab.txt or vocab.json (default: words of texts that are told apart, characters of one that is continued)",
    )
    .option("--tokens <n>", "tokens of an example, or steps of a sequence: longer ones are cut")
    .option("--vocabulary <n>", "most words or characters that are told apart (default: 5000)")
    .option("--task <task>", "classification or regression, where the target leaves it open")
    .option("--test <file>", "a table whose rows are for testing only")
    .option("--group <column>", "rows with the same value stay on one side of every split")
    .option("--time <column>", "train on the past, test on the future; the order of the steps of sequences")
    .option("--split <column>", "which part each row is in: train, validation or test")
    .option("--drop <column>", "leave a column out (repeatable)", collect)
    .option("--keep <column>", "use a column that looks like names or row numbers (repeatable)", collect)
    .option("--categories <column>", "take the numbers of a column as categories (repeatable)", collect)
    .option(
      "--missing <text>",
      "a text that means missing, in place of NA, N/A, NaN, null and ? (repeatable)",
      collect,
    )
    .option("--train-size <n>", "training rows: a count, or a share below 1")
    .option("--validation-size <n>", "validation rows")
    .option("--test-size <n>", "test rows")
    .option("--label-noise <share>", "give so many training labels another class")
    .option("--groups <column>", "groups or domains, for the settings that are about them")
    .optionsGroup("What is compared:")
    .option(
      "--setting <name>",
      "who trains on what, when, scored how: continual, noisy-labels, ... (default: supervised)",
    )
    .option(
      "--model <names>",
      "mlp, cnn, resnet, linear; unet for a class a pixel; for texts and sequences transformer, bag, lstm, gru; gcn for nodes of a graph; several with commas",
    )
    .option(
      "--from <file>",
      "fine-tuning: begin with the weights of an ONNX file (of --export, or another network), a checkpoint or an .npz file",
    )
    .option("--methods <list>", "a,b+c: combinations of methods; plain training is always there")
    .option("--method <file>", "your own method, a TypeScript or JavaScript file (repeatable)", collect)
    .option(
      "--set <method.option=value>",
      "an option of a method, the optimizer or the schedule (repeatable)",
      collect,
    )
    .option("--tune <n>", "choose options by validation score, n tries a candidate")
    .option(
      "--seeds <n or list>",
      "how many seeds, or which: 10 or 3,5,11 (default: 10; 3 for a text that is continued)",
    )
    .option(
      "--noise-study",
      "a study of robustness and uncertainty: corruption by kind and severity, attack, foreign data, calibration",
    )
    .option(
      "--outside <name or folder>",
      "in a noise study: other images or texts, which a model should not be sure of",
    )
    .option("--score <metric>", "names the winner (default: accuracy, rmse, loss or meanIou)")
    .optionsGroup("Training:")
    .option(
      "--epochs <n>",
      "epochs of training (default: 40; 10 for a text that is continued, 200 for nodes of a graph)",
    )
    .option("--budget <budget>", "the same for all: epochs=N, gradients, gradients=N or seconds=N")
    .option("--batch-size <n>", "examples a step (default: 32; all for nodes of a graph)")
    .option("--optimizer <name>", "default: adam")
    .option("--rate <number>", "learning rate (default: the optimizer's; 0.01 for nodes of a graph)")
    .option("--schedule <name>", "of the learning rate (default: cosine)")
    .option("--workers <n>", "trials at a time (default: the machine's cores; on a GPU one)")
    .option("--device <device>", deviceHelp)
    .optionsGroup("Output:")
    .option("-o, --out <folder>", "where results go (default: ockham-out/<data>)")
    .option("--resume", "go on with a comparison that was stopped")
    .option("--export <file.onnx>", "the best model, with its preprocessing, as one ONNX file")
    .option("--json", "everything as JSON on standard output")
    .option("--csv [file]", "one line a trial, to a file or to standard output")
    .option("-q, --quiet", "no progress")
    .option("--debug", "where an error comes from; what first made a number that is not finite")
    .addHelpText("after", examples)
    .action(async (data: string | undefined, flags: CompareFlags) =>
      (await import("./run.ts")).runCompare(data === undefined ? flags : withData(data, flags)),
    );

/** The data as an argument, which is the same as the flag. */
function withData(data: string, flags: CompareFlags): CompareFlags {
  if (flags.data !== undefined) throw clash(`${data} and --data`, "both name the data", "give one of them");
  return { ...flags, data };
}
