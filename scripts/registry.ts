// Writes src/registry.ts and experiments/registry.ts from the folders; with --check, fails when they are stale.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { format } from "./format.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

const kebab = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

/** Folders that hold members, one a file. */
function shelves(): string[] {
  const under = (folder: string) =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder), { withFileTypes: true })
          .filter((entry) => entry.isDirectory())
          .map((entry) => `${folder}/${entry.name}`)
      : [];
  const alone = ["src/estimators", "src/settings"].filter((folder) => existsSync(join(root, folder)));
  return [...under("src/parts"), ...under("src/methods"), ...alone].sort();
}

const members = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `${folder}/${file}`)
    .sort();

interface Found {
  readonly file: string;
  readonly name: string;
  readonly definition: Record<string, unknown>;
  readonly doc: string;
}

/** The docstring right above `export const name`, without its frame. */
function docOf(file: string, name: string): string {
  const text = readFileSync(join(root, file), "utf8");
  const at = text.search(new RegExp(`^export const ${name}\\b`, "m"));
  const above = text.slice(0, at).match(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/);
  if (above === null) throw new Error(`${file}: "${name}" has no docstring`);
  const lines = above[1].split("\n").map((line) => line.replace(/^\s*\* ?/, "").trimEnd());
  return lines.join("\n").trim();
}

async function load(file: string): Promise<Found> {
  const name = basename(file, ".ts");
  const module = (await import(pathToFileURL(join(root, file)).href)) as Record<string, unknown>;
  const definition = module[name] as Record<string, unknown> | undefined;
  if (typeof definition !== "function") throw new Error(`${file} must export a definition called "${name}"`);
  const { id } = definition as unknown as { id: string };
  const wanted = kebab(name);
  if (id !== wanted) throw new Error(`${file}: the id is "${id}", but the file's name asks for "${wanted}"`);
  return { file, name, definition, doc: docOf(file, name) };
}

function entry({ file, name, definition, doc }: Found): string {
  const { kind, id, summary, paper, options } = definition as {
    kind: string;
    id: string;
    summary: string;
    paper?: object;
    options: Record<string, { default: unknown; doc: string; range: string; grid: readonly unknown[] }>;
  };
  const parts = file.split("/");
  const field = parts[1] === "methods" || parts[1] === "parts" ? parts[2] : parts[1];
  const described = Object.fromEntries(
    Object.entries(options).map(([option, { default: initial, doc, range, grid }]) => [
      option,
      { default: initial, doc, range, grid },
    ]),
  );
  const data = JSON.stringify({ id, kind, field, summary, doc, paper, options: described });
  const path = `./${file.slice("src/".length)}`;
  return `  { ${data.slice(1, -1)}, load: async () => (await import("${path}")).${name} as unknown as Definition },`;
}

const lines = (await Promise.all(shelves().flatMap(members).map(load))).map(entry);
const registry = `// Written by "npm run registry" from the folders; do not edit.
import type { Definition, Kind, PaperCard } from "./kinds/index.ts";

/** What lists and --help need to know of a member without loading it. */
export interface Entry {
  readonly id: string;
  readonly kind: Kind;
  readonly field: string;
  readonly summary: string;
  /** The docstring: what it does, and its formula. */
  readonly doc: string;
  readonly paper?: PaperCard;
  readonly options: Readonly<
    Record<string, { readonly default: unknown; readonly doc: string; readonly range: string; readonly grid: readonly unknown[] }>
  >;
  load(): Promise<Definition>;
}

export const registry: readonly Entry[] = [
${lines.join("\n")}
];
`;

const experimentFiles = existsSync(join(root, "experiments"))
  ? readdirSync(join(root, "experiments"), { recursive: true, encoding: "utf8" })
      .map((file) => file.replaceAll("\\", "/"))
      .filter((file) => file.endsWith(".ts") && file.includes("/") && !file.startsWith("common/"))
      .sort()
  : [];
const experiments = `// Written by "npm run registry" from the folders; do not edit.
import type { Experiment } from "../src/kinds/index.ts";

export const experiments: Readonly<Record<string, () => Promise<Experiment>>> = {
${experimentFiles.map((file) => `  "${kebab(basename(file, ".ts"))}": async () => (await import("./${file}")).${basename(file, ".ts")},`).join("\n")}
};
`;

const stale: string[] = [];
for (const [path, text] of [
  ["src/registry.ts", registry],
  ["experiments/registry.ts", experiments],
] as const) {
  const wanted = format(path, text);
  const file = join(root, path);
  if (existsSync(file) && readFileSync(file, "utf8") === wanted) continue;
  stale.push(path);
  if (!process.argv.includes("--check")) writeFileSync(file, wanted);
}
if (process.argv.includes("--check") && stale.length > 0) {
  console.error(`stale: ${stale.join(", ")}; run "npm run registry"`);
  process.exit(1);
}
console.log(
  `registry: ${lines.length} members, ${experimentFiles.length} experiments${stale.length > 0 ? ", written" : ""}`,
);
