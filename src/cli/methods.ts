import { Command } from "commander";
import { nearest, OckhamError } from "../error.ts";
import type { PaperCard } from "../kinds/index.ts";
import type { Entry } from "../registry.ts";
import { type Paint, painter, takesColour, widthOf, write } from "./terminal.ts";
import { wrapped } from "./text.ts";

interface MethodsFlags {
  readonly kind?: string;
  readonly field?: string;
  readonly paper?: string;
  readonly json?: boolean;
}

const examples = `
Examples:
  ockham methods                       all of them, by field
  ockham methods label noise           those that have these words in name, summary, description or paper
  ockham methods mixup                 formula, options and paper of one
  ockham methods --kind penalty --json`;

export const methodsCommand = (): Command =>
  new Command("methods")
    .summary("list and search the methods; explain one")
    .description("Lists the methods by field, finds them by words, and shows what is known of one.")
    .argument("[words...]", "the name of a method, or words to look for")
    .option("--kind <kind>", "penalty, transform, method, optimizer, estimator, ...")
    .option("--field <field>", "part of the catalogue, such as regularizers or data")
    .option("--paper <words>", "words of the paper: title, author, year, arXiv number")
    .option("--json", "as JSON")
    .addHelpText("after", examples)
    .action(showMethods);

async function showMethods(words: readonly string[], flags: MethodsFlags): Promise<void> {
  const { registry } = await import("../registry.ts");
  const narrowed = registry.filter((entry) => kept(entry, flags, registry));
  const exact = words.length === 1 ? narrowed.find(({ id }) => id === words[0].toLowerCase()) : undefined;
  const found = exact === undefined ? narrowed.filter((entry) => hasWords(entry, words)) : [exact];
  if (found.length === 0) throw nothingFound(words, flags, registry);
  if (flags.json) {
    const known = exact === undefined ? found : { ...exact, experiment: await experimentOf(exact) };
    await write(process.stdout, `${JSON.stringify(known, null, 2)}\n`);
    return;
  }
  const paint = painter(takesColour(process.stdout));
  const width = Math.min(110, widthOf(process.stdout));
  const text = exact === undefined ? listText(found, width, paint) : await detailText(exact, width, paint);
  await write(process.stdout, text);
}

function kept(entry: Entry, { kind, field, paper }: MethodsFlags, all: readonly Entry[]): boolean {
  if (kind !== undefined && entry.kind !== known("kind", kind, all)) return false;
  if (field !== undefined && entry.field !== known("field", field, all)) return false;
  return paper === undefined || includesAll(paperText(entry.paper), paper.split(/\s+/));
}

/** Throws `unknown-name` for a kind or field that no entry has. */
function known(what: "kind" | "field", value: string, all: readonly Entry[]): string {
  const values = [...new Set(all.map((entry) => entry[what] as string))].sort();
  if (values.includes(value)) return value;
  const near = nearest(value, values);
  throw new OckhamError(
    "unknown-name",
    `--${what}`,
    `there is no ${what} "${value}"`,
    near === undefined ? `there are ${values.join(", ")}` : `did you mean "${near}"?`,
  );
}

const includesAll = (text: string, words: readonly string[]): boolean =>
  words.every((word) => text.toLowerCase().includes(word.toLowerCase()));

const paperText = (paper: PaperCard | undefined): string =>
  paper === undefined
    ? ""
    : [paper.id, paper.title, ...(paper.authors ?? []), paper.year, paper.arxiv, paper.url].join(" ");

const hasWords = (entry: Entry, words: readonly string[]): boolean =>
  includesAll(
    [entry.id, entry.summary, entry.field, entry.kind, entry.doc, paperText(entry.paper)].join(" "),
    words,
  );

function nothingFound(words: readonly string[], flags: MethodsFlags, all: readonly Entry[]): OckhamError {
  const near =
    words.length === 1
      ? nearest(
          words[0],
          all.map(({ id }) => id),
        )
      : undefined;
  const asked = [...words.map((word) => `"${word}"`), ...(flags.paper ? [`--paper "${flags.paper}"`] : [])];
  return new OckhamError(
    "unknown-name",
    words.join(" ") || flags.paper || "methods",
    `no method is called ${asked.join(" ") || "so"}, or has it in its description`,
    near === undefined ? '"ockham methods" lists them all' : `did you mean "${near}"?`,
  );
}

function listText(entries: readonly Entry[], width: number, paint: Paint): string {
  const fields = [...new Set(entries.map(({ field }) => field))].sort();
  const name = Math.max(...entries.map(({ id }) => id.length));
  const kind = Math.max(...entries.map((entry) => entry.kind.length));
  const indent = " ".repeat(name + kind + 6);
  const blocks = fields.map((field) => {
    const own = entries.filter((entry) => entry.field === field).sort((a, b) => a.id.localeCompare(b.id));
    const lines = own.map((entry) => {
      const summary = wrapped(entry.summary, Math.max(30, width - indent.length)).replaceAll(
        "\n",
        `\n${indent}`,
      );
      return `  ${paint(entry.id.padEnd(name), "cyan")}  ${paint(entry.kind.padEnd(kind), "muted")}  ${summary}`;
    });
    return `${paint(field, "bold")}\n${lines.join("\n")}\n`;
  });
  const count = `${entries.length} ${entries.length === 1 ? "entry" : "entries"}; "ockham methods NAME" says more of one`;
  return `${blocks.join("\n")}\n${paint(count, "muted")}\n`;
}

async function detailText(entry: Entry, width: number, paint: Paint): Promise<string> {
  const { id, kind, field, doc } = entry;
  const parts = [
    `${paint(id, "bold")}  ${paint(`${kind}, ${field}`, "muted")}`,
    doc,
    ...optionsText(entry, width, paint),
    ...(entry.paper === undefined ? [] : [cardText(entry.paper, width, paint)]),
    ...(await experimentText(entry, paint)),
    ...usage(entry).map((line) => `${paint("try", "bold")}\n  ${line}`),
  ];
  return `${parts.join("\n\n")}\n`;
}

function optionsText({ id, options }: Entry, width: number, paint: Paint): string[] {
  if (Object.keys(options).length === 0) return [];
  const blocks = Object.entries(options).map(([name, { default: initial, range, grid, doc }]) => {
    const shown = initial === "" ? '""' : String(initial);
    const tried = grid.length > 1 ? `; tuning tries ${grid.join(", ")}` : "";
    return [
      `  ${paint(`${id}.${name}`, "cyan")} = ${shown}  ${paint(range, "muted")}`,
      wrapped(`${doc}${tried}`, width - 6).replace(/^/gm, "      "),
    ].join("\n");
  });
  return [[paint("options", "bold"), ...blocks].join("\n")];
}

const linkOf = ({ url, arxiv }: PaperCard): string | undefined =>
  url ?? (arxiv === undefined ? undefined : `https://arxiv.org/abs/${arxiv}`);

function cardText(paper: PaperCard, width: number, paint: Paint): string {
  const { title, authors = [], year, where, deviations = [] } = paper;
  const names = authors.length > 4 ? `${authors[0]} et al.` : authors.join(", ");
  const source = [names, year].filter((part) => part !== undefined && part !== "").join(", ");
  const lines = [title, source, linkOf(paper), where === undefined ? undefined : `there: ${where}`];
  const shown = lines.filter((line) => line !== undefined && line !== "") as string[];
  const differs = deviations.map((text) => `differs: ${text}`);
  const body = [...shown, ...differs].map((line) => `  ${wrapped(line, width - 4, "    ")}`);
  return [paint("paper", "bold"), ...body].join("\n");
}

async function experimentOf({ id }: Entry): Promise<string | undefined> {
  const { experiments } = await import("../../experiments/registry.ts");
  return Object.hasOwn(experiments, id) ? id : undefined;
}

async function experimentText(entry: Entry, paint: Paint): Promise<string[]> {
  const id = await experimentOf(entry);
  return id === undefined ? [] : [`${paint("experiment", "bold")}\n  ockham reproduce ${id}`];
}

/** A command that uses the entry. */
function usage({ id, kind, options }: Entry): string[] {
  if (kind === "estimator" || kind === "loss") return [];
  if (kind === "setting" || kind === "optimizer" || kind === "schedule")
    return [`ockham compare --${kind} ${id}`];
  const [option] = Object.entries(options).find(([, { default: d }]) => typeof d === "number") ?? [];
  const set = option === undefined ? "" : ` --set ${id}.${option}=${options[option].default}`;
  return [`ockham compare --methods ${id}${set}`];
}
