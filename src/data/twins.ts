import { tableSource } from "./columns.ts";
import { pairSource } from "./pairs.ts";
import { noTarget, type Source } from "./source.ts";
import { start, type ToyOptions } from "./toyOptions.ts";

const kinds = 12;
const width = 8;

/**
 * Pairs of things of twelve kinds, each a point of eight numbers drawn from a standard normal distribution; a thing is
 * its kind under normal noise of standard deviation `noise` (default 0.5). Whether two are of the same kind is to be
 * told: one half are, the others are of any two different ones. Default: 500 pairs.
 */
export function twins({ n = 500, seed = 0, noise = 0.5 }: ToyOptions = {}): Source {
  const random = start("twins", n, noise, seed);
  const centres = Array.from({ length: kinds }, () => random.normal(width).data);
  const labels = Int32Array.from({ length: n }, (_, pair) => pair % 2);
  const things = Array.from(labels, (same) => {
    const one = random.integers(kinds);
    const other = same === 1 ? one : (one + 1 + random.integers(kinds - 1)) % kinds;
    return [one, other].map((kind) => Array.from(centres[kind], (x) => x + noise * random.normal()));
  }).flat();
  const features = Array.from({ length: width }, (_, j) => ({
    kind: "number" as const,
    name: `x${j + 1}`,
    values: Float64Array.from(things, (thing) => thing[j]),
  }));
  return pairSource(
    {
      name: "twins",
      target: { task: "classification", name: "kind", classes: ["different", "same"], labels },
    },
    tableSource({ name: "twins", target: noTarget(2 * n) }, features),
    Int32Array.from({ length: 2 * n }, (_, i) => i),
  );
}
