import { type NdArray, ndarray } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import {
  type AnyMethod,
  type Dataset,
  experiment,
  type Leaf,
  type Model,
  type Scale,
} from "../../src/kinds/index.ts";
import { useful as upsampling } from "../../src/methods/data/useful.ts";
import { sam } from "../../src/methods/optimizers/sam.ts";
import { mlp, staged } from "../../src/nn/index.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { constant as constantRate } from "../../src/parts/schedules/constant.ts";
import { constant, matmul, mul, normal, reshape, square, sum } from "../../src/tensor/index.ts";
import { type PartsOf, partsOf, seeded } from "../common/data.ts";
import { atLeast, column, meanOf, mostly, paired, points, those, verdictOf } from "../common/judge.ts";
import { kernelsOf, scores } from "../common/measures.ts";
import { trainArms } from "../common/train.ts";
import { plain, use } from "../common/use.ts";

interface Sizes {
  readonly data: string;
  readonly train: number;
  readonly test: number;
  readonly seeds: number;
  readonly epochs: number;
  readonly patches: number;
  readonly patchSeeds: number;
}

const sizes: Readonly<Record<Scale, Sizes>> = {
  smoke: { data: "digits", train: 64, test: 60, seeds: 1, epochs: 2, patches: 20, patchSeeds: 1 },
  quick: { data: "digits", train: 600, test: 1000, seeds: 8, epochs: 40, patches: 300, patchSeeds: 3 },
  full: { data: "mnist", train: 2000, test: 2000, seeds: 8, epochs: 40, patches: 1000, patchSeeds: 5 },
};

const early = 5;

/** As many repetitions as the method makes, of examples at random. */
const random: AnyMethod = {
  async examples(rehearsal) {
    const counts = (await upsampling({ epochs: early }).examples?.(rehearsal)) as Int32Array;
    return Int32Array.from(rehearsal.random.split("random").shuffled(counts));
  },
};

/** Dimensions of a patch; a fast and a slow feature along the first two axes, and how strong and frequent they are. */
const width = 50;
const fast = { strength: 1, share: 0.9 };
const slow = { strength: 0.2 };

/** Examples of three patches: the fast feature (sometimes absent), the slow one, and noise; both with the label's sign. */
function patchesOf(size: number, seed: number): Dataset {
  const draws = stream(seed).split("patches");
  const x = new Float32Array(size * 3 * width);
  const labels = Int32Array.from({ length: size }, () => draws.integers(2));
  labels.forEach((label, i) => {
    const sign = label === 1 ? 1 : -1;
    const at = (patch: number) => (i * 3 + patch) * width;
    x[at(0)] = draws.uniform() < fast.share ? sign * fast.strength : 0;
    x[at(1) + 1] = sign * slow.strength;
    for (let j = 2; j < width; j++) x[at(2) + j] = draws.normal() / Math.sqrt(width);
  });
  return {
    name: "patches",
    task: "classification",
    size,
    inputs: { x: ndarray("float32", [size, 3, width], x) },
    target: ndarray("int32", [size], labels),
    classes: ["-", "+"],
  };
}

const filters = 40;
const signs = constant(ndarray("float32", [1, 2], Float32Array.of(-0.5, 0.5)));

/** Logits -f / 2 and f / 2 with f = sum over filters and patches of (w . patch)^3: a convolution with second layer 1. */
const cubic = (shape: readonly number[]): Model =>
  staged("cubic", shape, [
    {
      name: "head",
      part(layer) {
        const leaf: Leaf = {
          path: `${layer}.kernel`,
          layer,
          role: "kernel",
          outAxis: 0,
          shape: [filters, width],
        };
        return {
          leaves: [leaf],
          shape: [2],
          init: (key) => ({ [leaf.path]: mul(0.1, normal(key, leaf.shape)) }),
          apply(x, { weights }) {
            const met = matmul(reshape(x, [-1, width]), weights[leaf.path], { transposeB: true });
            const cubes = reshape(mul(met, square(met)), [x.shape[0], -1]);
            return matmul(sum(cubes, { axes: [1], keep: true }), signs);
          },
        };
      },
    },
  ]);

/** The largest of the filters' entries along the fast and the slow feature, and by how much they differ. */
function alignmentOf({ data }: NdArray) {
  const along = (axis: number) =>
    Math.max(...Array.from({ length: filters }, (_, j) => (data as Float32Array)[j * width + axis]));
  return { fast: along(0), slow: along(1), gap: along(0) - along(1) };
}

const patchParts = (size: number): PartsOf =>
  seeded((seed) => {
    const train = patchesOf(size, seed);
    return { train, validation: train, test: train };
  });

export const useful = experiment({
  id: "useful",
  paper: "useful",
  claim:
    "Doubling the higher-loss cluster found from early outputs and retraining gives better in-distribution test accuracy " +
    "than the original data and than random upsampling of equal size.",
  setting:
    "(1) Full: 2,000 training and 2,000 test images of MNIST (in place of Fashion-MNIST); quick: 600 and 1,000 UCI digits. " +
    "MLP 128-64, SGD with momentum 0.9, rate 0.05, cosine schedule, batches of 32, 40 epochs, examples told apart after 5; " +
    "8 seeds. Arms, equal steps, nothing tuned: the data as they are, as many examples repeated at random, USEFUL; and SAM " +
    "(radius 0.05) without and with it, which are reported. (2) Patch data: a fast feature of strength 1 in 0.9 of the " +
    "examples, a slow one of 0.2, noise; 40 cubic filters, 200 steps of gradient descent at rate 0.1, alone and as SAM " +
    "(radius 0.1); full: 1,000 examples, 5 seeds; quick: 300, 3. Holds when USEFUL's error is below that of the original " +
    "data in the mean and below random's by 0.3 points and in 6 of 8 seeds, and SAM's filters differ less between fast and " +
    "slow feature than plain gradient descent's in all seeds.",
  async run(scale, tools) {
    const { data, train, test, seeds, epochs, patches, patchSeeds } = sizes[scale];
    const own = use(upsampling, { epochs: early });
    const images = await trainArms(
      {
        tags: { part: "images" },
        arms: [
          { name: "original", variants: plain() },
          { name: "random", variants: plain({ name: "random", method: random }) },
          { name: "useful", variants: plain(own) },
          { name: "sam", variants: plain(use(sam)) },
          { name: "useful+sam", variants: plain(own, use(sam)) },
        ],
        data: await partsOf(data, { train, validation: 100, test }, tools.signal),
        seeds,
        epochs,
        batchSize: 32,
        rate: 0.05,
        optimizer: sgd(),
        model: (shape, outputs) => mlp(shape, outputs),
        async measure(f) {
          const counts = f.trained.examples;
          const repeated = counts === undefined ? 0 : counts.filter((n) => n > 1).length / counts.length;
          return { ...(await scores(f)), repeated };
        },
      },
      scale,
      tools,
    );
    const features = await trainArms(
      {
        tags: { part: "patches" },
        arms: [
          { name: "gd", variants: plain() },
          { name: "sam", variants: plain(use(sam, { radius: 0.1 })) },
        ],
        data: patchParts(patches),
        seeds: patchSeeds,
        epochs: scale === "smoke" ? 2 : 200,
        batchSize: patches,
        rate: 0.1,
        schedule: constantRate(),
        optimizer: sgd({ momentum: 0 }),
        model: cubic,
        measure: async (f) => alignmentOf(Object.values(await kernelsOf(f))[0]),
      },
      scale,
      tools,
    );
    return [...images, ...features];
  },
  judge(reports) {
    const of = (part: string, arm: string) => those(reports, { part, arm });
    const [original, random, own] = ["original", "random", "useful"].map((arm) => of("images", arm));
    const [gd, flat] = ["gd", "sam"].map((arm) => of("patches", arm));
    return verdictOf(
      [
        atLeast("gain on the original data", points(own, original), 0, " points"),
        atLeast("gain on random repetition", points(own, random), 0.3, " points"),
        mostly(
          "gain on random repetition",
          points(own, random).map((d) => d > 0),
          0.75,
        ),
        mostly(
          "SAM's filters more even than gradient descent's",
          paired(flat, gd, "gap").map((d) => d < 0),
          1,
        ),
      ],
      undefined,
      Object.fromEntries([
        ...["original", "random", "useful", "sam", "useful+sam"].map((arm) => [
          `accuracy, ${arm}`,
          meanOf(column(of("images", arm), "accuracy")),
        ]),
        ["share repeated", meanOf(column(own, "repeated"))],
        ["gap of gradient descent", meanOf(column(gd, "gap"))],
        ["gap of SAM", meanOf(column(flat, "gap"))],
      ]),
    );
  },
});
