import { type NdArray, ndarray } from "../array/ndarray.ts";
import { type Stream, stream } from "../array/random.ts";
import { OckhamError } from "../error.ts";
import {
  type Dataset,
  type Fitted,
  oneOf,
  type Parts,
  type Preprocessing,
  setting,
  share,
} from "../kinds/index.ts";
import { eachPart, withLabels, withX } from "./common/data.ts";
import { needsClasses } from "./common/learner.ts";
import { domainOf, groupOf, labelsOf, meanOf, predictedClasses } from "./common/scores.ts";

/** Sides of the patch, in pixels, of images so many pixels high. */
const patchOf = (height: number): number => Math.max(1, Math.round(height / 4));

/** Images with a white patch in the corner where `marked` says so. */
function patched(x: NdArray, marked: Int32Array, preprocessing: Preprocessing | undefined): NdArray {
  const [n, channels, height, width] = x.shape;
  const data = Float32Array.from(x.data as Float32Array);
  const side = patchOf(height);
  for (let i = 0; i < n; i++)
    for (let channel = 0; marked[i] === 1 && channel < channels; channel++) {
      const { mean = [], spread = [] } = preprocessing?.kind === "image" ? preprocessing : {};
      const white = (1 - (mean[channel] ?? 0)) / (spread[channel] ?? 1);
      for (let row = 0; row < side; row++) {
        const start = ((i * channels + channel) * height + row) * width;
        data.fill(white, start, start + side);
      }
    }
  return ndarray("float32", x.shape, data);
}

/**
 * Two classes made of the first and the second half of those of images, and a patch that goes with the second one in a
 * share of the examples: in training as told, else one half. The patch is the domain.
 */
function withPatches(parts: Parts, agreement: number, random: Stream): Parts {
  const { train, preprocessing } = parts;
  if (train.inputs.x?.shape.length !== 4)
    throw new OckhamError(
      "conflict",
      train.name,
      `${train.name} says of no example which group it is of`,
      "name a column of groups with --groups",
    );
  const half = Math.floor(train.classes.length / 2);
  const names = [train.classes.slice(0, half), train.classes.slice(half)].map(
    (list) => `${list[0]} to ${list.at(-1)}`,
  );
  return eachPart(parts, (data, part) => {
    const labels = labelsOf(data).map((c) => (c < half ? 0 : 1));
    const draw = random.split(part).uniform(data.size).data as Float64Array;
    const agrees = part === "train" ? agreement : 0.5;
    const marks = labels.map((c, i) => (draw[i] < agrees ? c : 1 - c));
    return {
      ...withLabels(withX(data, patched(data.inputs.x, marks, preprocessing)), labels, names),
      domain: ndarray("int32", [data.size], marks),
    };
  });
}

/** Groups from 0 up, in the order of class and domain, and their names. */
function grouped(
  parts: Parts,
  by: "class and domain" | "domain",
  nameOf: (domain: number) => string,
): { parts: Parts; names: string[] } {
  const { train, validation, test } = parts;
  const domains = [...new Set([train, validation, test].flatMap((data) => [...domainOf(data)]))];
  domains.sort((a, b) => a - b);
  const of = (data: Dataset) =>
    labelsOf(data).map((c, i) => {
      const place = domains.indexOf(domainOf(data)[i]);
      return by === "domain" ? place : c * domains.length + place;
    });
  const names =
    by === "domain"
      ? domains.map(nameOf)
      : train.classes.flatMap((name) => domains.map((d) => `${name}, ${nameOf(d)}`));
  return {
    parts: eachPart(parts, (data) => ({ ...data, group: ndarray("int32", [data.size], of(data)) })),
    names,
  };
}

/** Accuracy of each group; NaN for groups without examples. */
async function accuracies(fitted: Fitted, data: Dataset, groups: number): Promise<number[]> {
  const predicted = predictedClasses(await fitted.predict(data));
  const labels = labelsOf(data);
  const [right, all] = [new Float64Array(groups), new Float64Array(groups)];
  groupOf(data).forEach((g, i) => {
    all[g]++;
    if (predicted[i] === labels[i]) right[g]++;
  });
  return Array.from(right, (r, g) => r / all[g]);
}

const known = (values: readonly number[]) => values.filter((value) => !Number.isNaN(value));

/** Worst and mean accuracy over groups, and that weighted by the groups' shares of the training data. */
function scoresOf(accuracy: readonly number[], shares: readonly number[]) {
  const weighted = accuracy.map((a, g) => (Number.isNaN(a) ? 0 : a * shares[g]));
  const weight = accuracy.reduce((sum, a, g) => sum + (Number.isNaN(a) ? 0 : shares[g]), 0);
  return {
    worstGroup: Math.min(...known(accuracy)),
    averageAccuracy: weighted.reduce((a, b) => a + b, 0) / weight,
    groupMean: meanOf(known(accuracy)),
  };
}

/**
 * Groups: training data have few examples of some groups, and what counts is the accuracy on the worst.
 *
 *   worst-group accuracy = min over groups g of the test accuracy on g
 *   average accuracy = sum over g of (share of g in the training data) x accuracy on g
 *
 * A group is a class in a domain, or a domain, as `by` says; domains are a column of the data (--groups). Images
 * without domains get a patch in the corner that goes with the class in most training images ("spurious": it tells
 * the class, but not in validation and test data, where it is on in half of each class); classes are joined to two. As in
 * Sagawa et al. (2019): the winner is named by worst-group accuracy on validation data. Throws `conflict` for tables
 * without domains.
 */
export const groups = setting("groups", {
  summary: "some groups are rare in training: accuracy on the worst one",
  paper: {
    id: "group-dro",
    title:
      "Distributionally Robust Neural Networks for Group Shifts: On the Importance of Regularization for Worst-Case Generalization",
    authors: ["Shiori Sagawa", "Pang Wei Koh", "Tatsunori B. Hashimoto", "Percy Liang"],
    year: 2019,
    arxiv: "1911.08731",
    where: "section 3",
  },
  options: {
    by: oneOf(["class and domain", "domain"], "class and domain", "what makes a group"),
    agreement: {
      ...share(0.95, "share of the training images whose patch goes with the class", [0.9, 0.95, 0.99]),
      traced: false,
    },
  },
  examples: [],
  exempt: { experiment: "experiments of methods are run in it" },
  create: ({ by, agreement }) => ({
    tasks: ["classification"],
    measures: [
      {
        name: "worstGroup",
        title: "worst-group accuracy",
        better: "higher",
        format: "percent",
        doc: "Accuracy on the group where it is lowest (Sagawa et al., 2019).",
      },
      {
        name: "averageAccuracy",
        title: "average accuracy",
        better: "higher",
        format: "percent",
        doc: "Accuracy on each group, weighted by its share of the training data: what plain training aims at.",
      },
      {
        name: "groupMean",
        title: "mean over groups",
        better: "higher",
        format: "percent",
        doc: "Accuracy on each group, averaged, so that a rare one counts as much as a common one.",
      },
      {
        name: "trainWorst",
        title: "worst group in training",
        better: "higher",
        format: "percent",
        doc: "Accuracy on the training examples of the group where that is lowest.",
      },
      {
        name: "gap",
        title: "worst-group gap",
        better: "lower",
        format: "percent",
        doc: "Worst-group accuracy on training data less that on test data.",
      },
    ],
    figures: [
      {
        grid: "groups",
        kind: "rows",
        title: "Accuracy by group",
        doc: "Test accuracy on each group.",
        row: "",
        column: "group",
        format: "percent",
      },
    ],
    usual: ["group-dro", "upweight", "weight-decay", "group-dro+weight-decay", "upweight+weight-decay"],
    words: [
      by === "domain" ? "A group is a domain." : "A group is a class in a domain.",
      `Where the data name no domains, a patch in the corner of the images goes with the class (two classes, of half the data's each) in ${100 * agreement} % of the training images and in half of the others.`,
    ],
    async run(learner, given, seed) {
      needsClasses("groups", given.train);
      const random = stream(seed).split("groups");
      const toy = given.train.domain === undefined;
      const domained = toy ? withPatches(given, agreement, random) : given;
      const nameOf = (domain: number) => (toy ? ["no patch", "patch"][domain] : `domain ${domain}`);
      const { parts, names } = grouped(domained, by, nameOf);
      const { train, validation, test } = parts;
      const fitted = await learner.fit({ data: train, validation });
      const of = (data: Dataset) => accuracies(fitted, data, names.length);
      const [onTrain, onValidation, onTest] = [await of(train), await of(validation), await of(test)];
      const shares = names.map((_, g) => groupOf(train).filter((one) => one === g).length / train.size);
      const trainWorst = Math.min(...known(onTrain));
      const scores = scoresOf(onTest, shares);
      return {
        validation: scoresOf(onValidation, shares),
        test: { ...scores, trainWorst, gap: trainWorst - scores.worstGroup },
        grids: { groups: { rows: ["accuracy"], columns: names, values: [onTest] } },
      };
    },
  }),
});
