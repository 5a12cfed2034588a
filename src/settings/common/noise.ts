import type { Stream } from "../../array/random.ts";
import { withLabelNoise } from "../../data/noise.ts";
import type { Dataset } from "../../kinds/index.ts";
import { labelsOf } from "./scores.ts";

export type Noise = "symmetric" | "pair" | "instance";

/** Labels of which a share is wrong, as the kind of noise has it. */
export function noisyLabelsOf(data: Dataset, noise: Noise, share: number, random: Stream): Int32Array {
  const classes = data.classes.length;
  if (noise === "symmetric") return withLabelNoise(labelsOf(data), share, classes, random);
  return noise === "pair" ? pairFlipped(data, share, random) : byInstance(data, share, random);
}

/** A share of the examples, chosen at random, get the next class (Han et al., 2018). */
function pairFlipped(data: Dataset, share: number, random: Stream): Int32Array {
  const labels = labelsOf(data).slice();
  for (const row of random.choice(data.size, Math.round(share * data.size)))
    labels[row] = (labels[row] + 1) % data.classes.length;
  return labels;
}

/** Spread of the chances of a wrong label around their mean. */
const spread = 0.1;

/**
 * Instance-dependent noise (Xia et al., 2020, algorithm 2): the chance q of a wrong label is normal around `share` with
 * deviation 0.1, cut to [0, 1]; which class it is follows from the inputs, by a random projection of each true class.
 */
function byInstance(data: Dataset, share: number, random: Stream): Int32Array {
  const k = data.classes.length;
  const x = data.inputs.x.data as Float32Array;
  const width = x.length / data.size;
  const projections = Array.from(
    { length: k },
    (_, c) =>
      random
        .split("projection")
        .split(c)
        .normal(width * k).data as Float64Array,
  );
  const [rates, draws] = [random.split("rates"), random.split("draws")];
  return labelsOf(data).map((label, i) => {
    let q = rates.normal(undefined, share, spread);
    while (q < 0 || q > 1) q = rates.normal(undefined, share, spread);
    const scores = new Float64Array(k);
    for (let j = 0; j < width; j++)
      for (let c = 0; c < k; c++) scores[c] += x[i * width + j] * projections[label][j * k + c];
    const top = scores.reduce((most, s, c) => (c === label ? most : Math.max(most, s)), -Infinity);
    const weights = scores.map((s, c) => (c === label ? 0 : Math.exp(s - top)));
    const total = weights.reduce((a, b) => a + b, 0);
    let u = draws.uniform() - (1 - q);
    if (u < 0) return label;
    for (let c = 0; c < k; c++) {
      u -= (q * weights[c]) / total;
      if (u < 0 && c !== label) return c;
    }
    return label;
  });
}
