// Checks that rooms import only from rooms in lower rows (see CONTRIBUTING, "Rooms") and never in a circle.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "src");

/** Rooms by row, lowest first. Rooms in one row do not import each other. */
const rowsOfRooms: readonly (readonly string[])[] = [
  ["error.ts", "root.ts"],
  ["array"],
  ["tensor"],
  ["kinds"],
  ["onnx", "nn", "data", "plots"],
  ["networks", "wasm", "solvers"],
  ["transport"],
  ["losses", "risks", "penalties", "schedules", "parametrizations", "activations", "transforms"].map(
    (r) => `parts/${r}`,
  ),
  ["adapters", "compressors", "gradients", "optimizers", "diagnostics"].map((r) => `parts/${r}`),
  ["methods", "estimators"],
  ["registry.ts"],
  ["runtime"],
  ["training"],
  ["settings"],
  ["compare"],
  ["cli", "studio"],
  ["everywhere.ts"],
  ["index.ts", "browser.ts"],
];

const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

function roomOf(file: string): string {
  const parts = file.split(/[\\/]/);
  return parts[0] === "parts" ? parts.slice(0, 2).join("/") : parts[0];
}

const rowOf = (room: string): number => rowsOfRooms.findIndex((row) => row.includes(room));

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const found = text.matchAll(/(?:from\s+|import\s*\(\s*|import\s+)"(\.{1,2}\/[^"]+)"/g);
  return [...found].map(([, path]) => relative(root, normalize(join(root, dirname(file), path))));
}

const problems: string[] = [];
const graph = new Map<string, string[]>();
for (const file of files) {
  const from = roomOf(file);
  if (rowOf(from) < 0) problems.push(`${file}: the room "${from}" is in no row`);
  graph.set(file, importsOf(file));
  for (const target of graph.get(file) ?? []) {
    const to = roomOf(target);
    if (from === to || from === "registry.ts") continue;
    if (rowOf(to) >= rowOf(from)) problems.push(`${file} imports ${target}: ${from} must not reach ${to}`);
  }
}

const typeOnly = /^import type /;
function loadTimeImports(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const statements = text.match(/^(?:import|export)\s[^;]*?from\s+"[^"]+";/gm) ?? [];
  return statements
    .filter((s) => !typeOnly.test(s) && !/^export type /.test(s))
    .flatMap((s) => s.match(/"(\.{1,2}\/[^"]+)"/)?.slice(1) ?? [])
    .map((path) => relative(root, normalize(join(root, dirname(file), path))));
}

const done = new Set<string>();
function visit(file: string, path: readonly string[]): void {
  const at = path.indexOf(file);
  if (at >= 0) {
    problems.push(`a circle of imports: ${[...path.slice(at), file].join(" -> ")}`);
    return;
  }
  if (done.has(file) || !graph.has(file)) return;
  for (const next of loadTimeImports(file)) visit(next, [...path, file]);
  done.add(file);
}
for (const file of files) visit(file, []);

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`layers: ${files.length} files, imports go downward`);
