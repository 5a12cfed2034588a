import { Command } from "commander";
import { painter, takesColour, widthOf, write } from "./terminal.ts";
import { aligned, wrapped } from "./text.ts";

const examples = `
Examples:
  ockham datasets
  ockham compare --data penguins`;

export const datasetsCommand = (): Command =>
  new Command("datasets")
    .summary("list the data sets known by name")
    .description(
      "Lists the data sets that --data knows by name, with where they come from and their licences.",
    )
    .option("--json", "as JSON")
    .addHelpText("after", examples)
    .action(showDatasets);

type Way = "shipped" | "fetched";

async function showDatasets({ json }: { readonly json?: boolean }): Promise<void> {
  const { datasets, fetchedDatasets, knownNames } = await import("../data/index.ts");
  const listed = [
    ...datasets().map((one) => ({ ...one, comes: "shipped" as Way })),
    ...fetchedDatasets().map((one) => ({ ...one, comes: "fetched" as Way })),
  ];
  const toys = knownNames().filter((name) => !listed.some((one) => one.name === name));
  if (json) {
    const all = [...listed, ...toys.map((name) => ({ name, comes: "made" }))];
    await write(process.stdout, `${JSON.stringify(all, null, 2)}\n`);
    return;
  }
  const paint = painter(takesColour(process.stdout));
  const width = Math.min(110, widthOf(process.stdout));
  const rows = aligned(listed.map(({ name, task, size, input }) => [name, task, `${size} x`, input]));
  const block = (way: Way) =>
    listed.flatMap(({ name, comes, title, source, licence }, i) => {
      if (comes !== way) return [];
      const about = wrapped(`${title}. ${source}. ${licence}.`, width - 6).replace(/^/gm, "      ");
      return [`  ${paint(name, "cyan")}${rows[i].slice(name.length)}\n${paint(about, "muted")}`];
    });
  const text = [
    paint("in the package", "bold"),
    ...block("shipped"),
    "",
    paint("fetched once, checked and kept ($OCKHAM_CACHE)", "bold"),
    ...block("fetched"),
    "",
    paint("made from random numbers", "bold"),
    `  ${toys.join(", ")}`,
    "",
    "Your own: --data FILE --target COLUMN for .csv, .tsv, .parquet, .json, .ndjson (also .gz);",
    "the same with --text COLUMN for texts in a column; --data FILE --text for a .txt file or a folder of them;",
    "--data FILE for .npz or IDX, --data FOLDER for x.npy with y.npy, --images FOLDER for PNG and JPEG,",
    "with --masks FOLDER where every pixel has a class; --data NODES --target COLUMN --edges FILE for a graph;",
    "--data FILE --target COLUMN --pairs for rows that are about two things (columns left_... and right_...);",
    "--data FILE --target COLUMN --sequence COLUMN for rows that are steps of sequences.",
  ];
  await write(process.stdout, `${text.join("\n")}\n`);
}
