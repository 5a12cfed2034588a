import type { Words } from "../array/hash.ts";
import { type NdArray, rows } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { Dataset } from "../kinds/index.ts";
import { evaluate } from "../tensor/evaluate.ts";
import { type AnyNode, isFloat, lineOf, type Tensor } from "../tensor/index.ts";
import { feedsOf, type Plan } from "./plan.ts";

/**
 * The error for a loss that is not finite at step `count`. With the state before the failing run at hand,
 * the reference evaluator walks the steps again up to the operation that first made such a number.
 */
export function explainDivergence(
  plan: Plan,
  data: Dataset,
  index: NdArray,
  key: Words,
  count: number,
  values: Readonly<Record<string, NdArray>> | undefined,
  failing: number,
): OckhamError {
  const names = namesOf(plan);
  const found = values === undefined ? undefined : firstBad(plan, data, index, key, values, failing);
  const where = found === undefined ? "" : `; the first number that is not finite came from ${found}`;
  return new OckhamError(
    "diverged",
    names,
    `${names}: the loss stopped being a finite number at step ${count + 1}${where}`,
    values === undefined
      ? "try a smaller learning rate or strength; --debug finds the operation that made it"
      : "try a smaller learning rate or strength",
  );
}

const namesOf = (plan: Plan): string =>
  plan.recipe.methods.map(({ name }) => name).join("+") || "plain training";

/** The error for weights that the last step made infinite or no numbers, which no loss has shown. */
export function checkWeights(
  plan: Plan,
  values: Readonly<Record<string, NdArray>>,
  steps: number,
): OckhamError | undefined {
  const bad = plan.leaves.find(({ path }) => !finite(values[`params/${path}`]));
  if (bad === undefined) return undefined;
  const names = namesOf(plan);
  return new OckhamError(
    "diverged",
    names,
    `${names}: ${bad.path} stopped being finite numbers at step ${steps}, the last`,
    "try a smaller learning rate or strength",
  );
}

class Found extends Error {
  readonly node: AnyNode;
  constructor(node: AnyNode) {
    super(node.op);
    this.node = node;
  }
}

const finite = (a: NdArray): boolean => {
  const data = a.data as Float32Array;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return false;
  return true;
};

function firstBad(
  plan: Plan,
  data: Dataset,
  index: NdArray,
  key: Words,
  values: Readonly<Record<string, NdArray>>,
  failing: number,
): string | undefined {
  const { inputs, state } = plan.traced;
  const paths = Object.keys(state);
  const outputs = [...paths.map((path) => state[path]), plan.traced.loss];
  let current: Readonly<Record<string, NdArray>> = values;
  const known: Record<string, NdArray> = {
    ...feedsOf(data),
    key: { dtype: "uint32", shape: [2], data: Uint32Array.from(key) },
  };
  const watch = (node: AnyNode, value: NdArray) => {
    if (isFloat(node.dtype) && node.op !== "constant" && !finite(value)) throw new Found(node);
  };
  try {
    for (let step = 0; step <= failing; step++) {
      const batch = { ...rows(index, [step]), shape: index.shape.slice(1) };
      const all: Record<string, NdArray> = { ...known, ...values, ...current, index: batch };
      const feeds = new Map<Tensor, NdArray>(Object.entries(inputs).map(([name, t]) => [t, all[name]]));
      const results = evaluate(outputs, feeds, { watch });
      current = Object.fromEntries(paths.map((path, i) => [path, results[i]]));
    }
  } catch (error) {
    if (!(error instanceof Found)) throw error;
    return `${error.node.op} [${error.node.shape}]${lineOf(error.node) === undefined ? "" : ` at ${lineOf(error.node)}`}`;
  }
  return undefined;
}
