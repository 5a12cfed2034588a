import { type NdArray, ndarray, sizeOf } from "../array/ndarray.ts";
import { stream } from "../array/random.ts";
import { OckhamError } from "../error.ts";
import { type Around, type Dataset, type Model, setting, whole } from "../kinds/index.ts";
import { add, log, mean, reshape, softmax } from "../tensor/index.ts";
import { withX } from "./common/data.ts";
import { needsClasses } from "./common/learner.ts";
import { accuracyOf, labelsOf, meanOf, predictedClasses } from "./common/scores.ts";

/** A model of bags: the logarithm of the mean over a bag of what the inner model says of its examples. */
const bagged = (size: number, shape: readonly number[]): Around => ({
  id: `bags of ${size}`,
  shape,
  model: (inner): Model => ({
    ...inner,
    inputs: { x: [size, ...shape] },
    apply(weights, { x }, options) {
      const rows = { x: reshape(x, [x.shape[0] * size, ...shape]) };
      const { prediction, ...rest } = inner.apply(weights, rows, options);
      const shares = reshape(softmax(prediction), [-1, size, inner.outputs]);
      return { prediction: log(add(mean(shares, { axes: [1] }), 1e-8)), ...rest };
    },
  }),
});

/** Examples in bags, in the order told, with the classes' shares in each bag as the target; a rest too small for a bag is left out. */
function inBags(data: Dataset, size: number, order: Int32Array): Dataset {
  const { x } = data.inputs;
  const width = sizeOf(x.shape.slice(1));
  const bags = Math.floor(data.size / size);
  const k = data.classes.length;
  const inputs = new Float32Array(bags * size * width);
  const shares = new Float32Array(bags * k);
  for (let i = 0; i < bags * size; i++) {
    const row = order[i];
    inputs.set((x.data as Float32Array).subarray(row * width, (row + 1) * width), i * width);
    shares[Math.floor(i / size) * k + labelsOf(data)[row]] += 1 / size;
  }
  return {
    ...data,
    size: bags,
    inputs: { x: ndarray("float32", [bags, size, ...x.shape.slice(1)], inputs) },
    target: ndarray("float32", [bags, k], shares),
  };
}

/** Each example as a bag of copies of itself, whose mean is what the model says of it, with its class as a share of 1. */
function alone(data: Dataset, size: number): Dataset {
  const k = data.classes.length;
  const target = new Float32Array(data.size * k);
  labelsOf(data).forEach((c, row) => {
    target[row * k + c] = 1;
  });
  const { shape, data: from } = data.inputs.x;
  const width = sizeOf(shape.slice(1));
  const x = new Float32Array(from.length * size);
  for (let row = 0; row < data.size; row++)
    for (let copy = 0; copy < size; copy++)
      x.set((from as Float32Array).subarray(row * width, (row + 1) * width), (row * size + copy) * width);
  return {
    ...withX(data, ndarray("float32", [data.size, size, ...shape.slice(1)], x)),
    target: ndarray("float32", [data.size, k], target),
  };
}

/** Mean over bags of half the sum of absolute differences of shares. */
function shareError({ data, shape }: NdArray<"float32">, truth: NdArray): number {
  const [bags, k] = shape;
  const wanted = truth.data as Float32Array;
  return meanOf(
    Array.from({ length: bags }, (_, b) => {
      let sum = 0;
      for (let c = 0; c < k; c++) sum += Math.abs(data[b * k + c] - wanted[b * k + c]);
      return sum / 2;
    }),
  );
}

/**
 * Label proportions: nobody knows the class of a training example, only the shares of the classes in bags of them.
 *
 *   loss of a bag B = -sum_k q_k log (1 / |B| sum over i in B of p_ik)         q: the shares of the classes in B
 *
 * Bags are dealt at random from the seed. The loss is that of Ardehaly and Culotta (2017); every candidate is trained
 * with it, and tested on examples one by one. Batches are of bags, and epochs are as many times longer as a bag is large, so
 * that steps see as much as elsewhere. Throws `conflict` for data with inputs other than `x`, or too few examples.
 */
export const labelProportions = setting("label-proportions", {
  summary: "labels of bags only, as shares of the classes: accuracy on single examples",
  paper: {
    id: "dllp",
    title: "Co-training for Demographic Classification Using Deep Learning from Label Proportions",
    authors: ["Ehsan Mohammady Ardehaly", "Aron Culotta"],
    year: 2017,
    arxiv: "1709.04108",
    where: "the batch averager layer and its loss",
  },
  options: { size: whole(2, 8, "examples in a bag", [4, 8, 16]) },
  examples: [],
  exempt: { experiment: "experiments of methods are run in it" },
  create: ({ size }) => ({
    tasks: ["classification"],
    measures: [
      {
        name: "accuracy",
        title: "accuracy",
        better: "higher",
        format: "percent",
        doc: "Share of single test examples whose class is named right.",
      },
      {
        name: "shareError",
        title: "error of shares in training",
        better: "lower",
        format: "percent",
        doc: "Half the summed absolute differences between predicted and true shares of the classes in a training bag, averaged.",
      },
    ],
    figures: [],
    usual: ["weight-decay", "dropout", "mixup", "early-stopping"],
    words: [
      `Training examples come in bags of ${size}, dealt at random, of which only the shares of the classes are known; validation and test examples are single and labelled.`,
    ],
    async run(learner, { train, validation, test }, seed) {
      needsClasses("label-proportions", train);
      const other = Object.keys(train.inputs).find((name) => name !== "x");
      if (other !== undefined)
        throw new OckhamError(
          "conflict",
          "label-proportions",
          `label-proportions puts numbers into bags, and ${train.name} has the input ${other}`,
          "take tables, images, or sequences of one length",
        );
      if (train.size < 2 * size)
        throw new OckhamError(
          "conflict",
          "label-proportions.size",
          `${train.size} training examples do not make two bags of ${size}`,
          "make bags smaller: --set label-proportions.size=2",
        );
      const bags = inBags(train, size, stream(seed).split("bags").permutation(train.size));
      const around = bagged(size, train.inputs.x.shape.slice(1));
      const single = (data: Dataset) => alone(data, size);
      const fitted = await learner.fit({ data: bags, validation: single(validation), around, length: size });
      const accuracy = async (data: Dataset) =>
        accuracyOf(predictedClasses(await fitted.predict(single(data))), labelsOf(data));
      return {
        validation: { accuracy: await accuracy(validation) },
        test: {
          accuracy: await accuracy(test),
          shareError: shareError(await fitted.predict(bags), bags.target),
        },
      };
    },
  }),
});
