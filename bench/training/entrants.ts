import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { packageFile } from "../../src/root.ts";
import { isConvolutional, type Workload } from "./workloads.ts";

/** A program that takes part. */
export interface Entrant {
  readonly name: string;
  /** The program and its arguments before the job. */
  readonly command: readonly string[];
  readonly variant?: string;
  /** Why it does not take part in a workload, if it does not. */
  excuse(workload: Workload): string | undefined;
}

const source = import.meta.url.endsWith(".ts");
const python = fileURLToPath(packageFile(".cache/bench/venv/bin/python"));

const script = (name: string): readonly string[] => [
  process.execPath,
  ...(source ? ["--import", import.meta.resolve("tsx")] : []),
  fileURLToPath(new URL(`./peers/${name}.${source ? "ts" : "js"}`, import.meta.url)),
];

const pythonScript = (name: string): readonly string[] => [
  python,
  fileURLToPath(packageFile(`bench/training/peers/${name}.py`)),
];

const missing = "not installed; npm run bench:peers installs it";

const inPython =
  (more: (workload: Workload) => string | undefined = () => undefined) =>
  (workload: Workload): string | undefined =>
    existsSync(python) ? more(workload) : missing;

const inJavaScript = (name: string) => (): string | undefined =>
  existsSync(packageFile(`.cache/bench/js/node_modules/${name}/package.json`)) ? undefined : missing;

export const ours = "ockham";

export const entrants: readonly Entrant[] = [
  { name: ours, command: script("ockham"), excuse: () => undefined },
  { name: "torch", command: pythonScript("torch_peer"), variant: "eager", excuse: inPython() },
  {
    name: "torch-channels-last",
    command: pythonScript("torch_peer"),
    variant: "channels-last",
    excuse: inPython((w) => (isConvolutional(w) ? undefined : "only images have channels")),
  },
  { name: "torch-compile", command: pythonScript("torch_peer"), variant: "compile", excuse: inPython() },
  { name: "jax", command: pythonScript("jax_peer"), excuse: inPython() },
  { name: "tfjs", command: script("tfjs"), excuse: inJavaScript("@tensorflow/tfjs") },
  { name: "jax-js", command: script("jaxjs"), excuse: inJavaScript("@jax-js/jax") },
];
