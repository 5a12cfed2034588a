import { mapParams, normOf, type Params, type Rehearsal, type Step } from "../../../kinds/index.ts";
import { expandDims, grad, norm, softmax, sub, sum, type Tensor, vmap } from "../../../tensor/index.ts";

/** |softmax(logits_i) - target_i|, [n]. */
export const errorNorm = ({ outputs, batch }: Step): Tensor =>
  norm(sub(softmax(outputs.prediction), batch.target), { axes: [-1] });

/** |d loss_i / d weights|, all weights that are trained together, [n]. */
export function gradientNorm({ weights, apply, loss, batch, about }: Step): Tensor {
  const buffers = new Set(about.model.leaves.filter(({ role }) => role === "buffer").map(({ path }) => path));
  const trained = Object.fromEntries(Object.entries(weights).filter(([path]) => !buffers.has(path)));
  const one = (x: Tensor): Tensor => expandDims(x, 0);
  return vmap((inputs: Params, target: Tensor) => {
    const rows = mapParams(inputs, one);
    const lossAt = (at: Params) => sum(loss(apply({ ...weights, ...at }, rows).prediction, one(target)));
    return normOf(grad(lossAt)(trained));
  })(batch.inputs, batch.target);
}

export type Score = "el2n" | "grand";

/** How each score is computed, and for how many rows at once: gradients of examples are large. */
const scores: Readonly<Record<Score, { readonly of: (step: Step) => Tensor; readonly rows?: number }>> = {
  el2n: { of: errorNorm },
  grand: { of: gradientNorm, rows: 32 },
};

/** A score of every training example after some epochs, its mean over networks with initial values of their own. */
export async function meanScores(
  rehearsal: Rehearsal,
  score: Score,
  epochs: number,
  networks: number,
): Promise<Float64Array> {
  const means = new Float64Array(rehearsal.data.size);
  for (let network = 0; network < networks; network++) {
    const { of, rows } = scores[score];
    const { data } = await (await rehearsal.train(epochs, network)).examples(of, rows);
    (data as Float32Array).forEach((value, i) => {
      means[i] += value / networks;
    });
  }
  return means;
}
