import { type Feature, tableSource } from "./columns.ts";
import { communities } from "./communities.ts";
import { shapes } from "./shapes.ts";
import type { Source, Target } from "./source.ts";
import { start, type ToyOptions, whole } from "./toyOptions.ts";
import { twins } from "./twins.ts";
import { waves } from "./waves.ts";

export type { ToyOptions } from "./toyOptions.ts";

/** Two interleaving half circles of radius 1, (cos t, sin t) and (1 - cos t, 1/2 - sin t), t from 0 to pi; noise 0.2. */
export function twoMoons({ n = 500, seed = 0, noise = 0.2 }: ToyOptions = {}): Source {
  const random = start("two-moons", n, noise, seed);
  return planar("two-moons", n, 2, (label) => {
    const t = random.uniform() * Math.PI;
    const [x, y] = label === 0 ? [Math.cos(t), Math.sin(t)] : [1 - Math.cos(t), 0.5 - Math.sin(t)];
    return [x + noise * random.normal(), y + noise * random.normal()];
  });
}

/** Arms of `turns` turns each, radius growing with the angle to 1, one class an arm; noise 0.03. */
export function spirals({
  n = 500,
  seed = 0,
  noise = 0.03,
  arms = 2,
  turns = 1.5,
}: ToyOptions & { readonly arms?: number; readonly turns?: number } = {}): Source {
  whole("arms", arms, 2);
  const random = start("spirals", n, noise, seed);
  return planar("spirals", n, arms, (label) => {
    const radius = Math.sqrt(random.uniform());
    const angle = 2 * Math.PI * (turns * radius + label / arms);
    return [
      radius * Math.cos(angle) + noise * random.normal(),
      radius * Math.sin(angle) + noise * random.normal(),
    ];
  });
}

/** Normal clouds of standard deviation `noise` (default 1) about centres drawn uniformly from [-5, 5] squared. */
export function gaussianClusters({
  n = 500,
  seed = 0,
  noise = 1,
  clusters = 4,
}: ToyOptions & { readonly clusters?: number } = {}): Source {
  whole("clusters", clusters, 2);
  const random = start("clusters", n, noise, seed);
  const centres = Array.from({ length: clusters }, () => [
    10 * random.uniform() - 5,
    10 * random.uniform() - 5,
  ]);
  return planar("clusters", n, clusters, (label) => {
    const [x, y] = centres[label];
    return [x + noise * random.normal(), y + noise * random.normal()];
  });
}

/**
 * y = sum over j < informative of w_j x_j + noise, with x_j standard normal and w_j = +-(1 + u), u uniform in
 * [0, 1); the other features do not matter. Defaults: 50 features, 5 informative, noise 1.
 */
export function sparseRegression({
  n = 500,
  seed = 0,
  noise = 1,
  features = 50,
  informative = 5,
}: ToyOptions & { readonly features?: number; readonly informative?: number } = {}): Source {
  whole("features", features, 1);
  whole("informative", informative, 1, features);
  const random = start("sparse-regression", n, noise, seed);
  const weights = Array.from(
    { length: informative },
    () => (random.bernoulli(0.5) ? 1 : -1) * (1 + random.uniform()),
  );
  const columns = Array.from({ length: features }, () => random.normal(n).data);
  const values = Float64Array.from({ length: n }, (_, row) =>
    weights.reduce((sum, weight, j) => sum + weight * columns[j][row], noise * random.normal()),
  );
  const target: Target = { task: "regression", name: "y", values };
  const notes = [
    `${informative} of ${features} features matter: ${weights.map((w, j) => `x${j + 1} (${w.toFixed(3)})`).join(", ")}.`,
  ];
  return tableSource({ name: "sparse-regression", target, notes }, named(columns));
}

/** The toy problems by the names that `openData` knows. */
export const toys: ReadonlyMap<string, (options?: ToyOptions) => Source> = new Map([
  ["two-moons", twoMoons],
  ["spirals", spirals],
  ["clusters", gaussianClusters],
  ["sparse-regression", sparseRegression],
  ["shapes", shapes],
  ["communities", communities],
  ["twins", twins],
  ["waves", waves],
]);

/** Classes in turn, so that they are of equal size; each row's point is drawn after its class. */
function planar(name: string, n: number, classes: number, point: (label: number) => number[]): Source {
  const labels = Int32Array.from({ length: n }, (_, row) => row % classes);
  const points = Array.from(labels, point);
  const columns = [0, 1].map((axis) => Float64Array.from(points, (p) => p[axis]));
  const names = Array.from({ length: classes }, (_, c) => String(c));
  return tableSource(
    { name, target: { task: "classification", name: "class", classes: names, labels } },
    named(columns),
  );
}

const named = (columns: readonly Float64Array[]): Feature[] =>
  columns.map((values, j) => ({ kind: "number", name: `x${j + 1}`, values }));
