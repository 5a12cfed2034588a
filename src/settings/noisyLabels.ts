import { stream } from "../array/random.ts";
import { oneOf, setting, share } from "../kinds/index.ts";
import { withLabels } from "./common/data.ts";
import { needsClasses } from "./common/learner.ts";
import { noisyLabelsOf } from "./common/noise.ts";
import { accuracyOn, labelsOf, predictedClasses } from "./common/scores.ts";

/** Share of the rows for which something holds, among those that are in question; NaN where none is. */
function shareOf(count: number, among: (i: number) => boolean, holds: (i: number) => boolean): number {
  let [all, some] = [0, 0];
  for (let i = 0; i < count; i++) {
    if (!among(i)) continue;
    all++;
    if (holds(i)) some++;
  }
  return some / all;
}

/**
 * Noisy labels: a share of the training labels is wrong; validation and test labels are right.
 *
 *   memorized = share of the wrongly labelled training examples whose wrong label the model predicts
 *   recovered = share of them whose true class it predicts
 *
 * "symmetric": each other class is as likely; "pair": the next class (asymmetric; Han et al., 2018); "instance": which
 * examples are wrong and how follows from their inputs (Xia et al., 2020). Noise is drawn from the seed.
 */
export const noisyLabels = setting("noisy-labels", {
  summary: "some training labels are wrong: accuracy, and how many were memorized",
  paper: {
    id: "noisy-labels",
    title: "Part-dependent Label Noise: Towards Instance-dependent Label Noise",
    authors: ["Xiaobo Xia", "Tongliang Liu", "Bo Han", "Nannan Wang"],
    year: 2020,
    arxiv: "2006.07836",
    where:
      "algorithm 2 for noise by instance; memorization as in Liu et al. 2020 (arXiv 2007.00151), figure 1",
  },
  options: {
    noise: oneOf(["symmetric", "pair", "instance"], "symmetric", "how labels become wrong"),
    share: { ...share(0.4, "share of the training labels that are wrong", [0.2, 0.4]), traced: false },
  },
  examples: [],
  exempt: { experiment: "experiments of methods are run in it" },
  create: ({ noise, share: wrong }) => ({
    tasks: ["classification"],
    measures: [
      {
        name: "accuracy",
        title: "accuracy",
        better: "higher",
        format: "percent",
        doc: "Share of the test examples, rightly labelled, whose class is named right.",
      },
      {
        name: "memorized",
        title: "wrong labels memorized",
        better: "lower",
        format: "percent",
        doc: "Share of the wrongly labelled training examples for which the model predicts the wrong label (Liu et al., 2020).",
      },
      {
        name: "recovered",
        title: "wrong labels seen through",
        better: "higher",
        format: "percent",
        doc: "Share of the wrongly labelled training examples for which the model predicts the true class.",
      },
      {
        name: "fitted",
        title: "right labels fitted",
        better: "higher",
        format: "percent",
        doc: "Share of the rightly labelled training examples for which the model predicts their label.",
      },
    ],
    figures: [
      {
        grid: "training",
        kind: "rows",
        title: "What became of the training labels",
        doc: "Shares of the wrongly and of the rightly labelled training examples, by what the model predicts for them.",
        row: "",
        column: "",
        format: "percent",
      },
    ],
    usual: ["elr", "co-teaching", "label-smoothing", "mixup", "early-stopping"],
    words: [
      `${100 * wrong} % of the training labels are wrong (${noise} noise); validation and test labels are right.`,
    ],
    async run(learner, { train, validation, test }, seed) {
      needsClasses("noisy-labels", train);
      const truth = labelsOf(train);
      const given = noisyLabelsOf(train, noise, wrong, stream(seed).split("label noise"));
      const fitted = await learner.fit({ data: withLabels(train, given), validation });
      const predicted = predictedClasses(await fitted.predict(train));
      const isWrong = (i: number) => given[i] !== truth[i];
      const memorized = shareOf(train.size, isWrong, (i) => predicted[i] === given[i]);
      const recovered = shareOf(train.size, isWrong, (i) => predicted[i] === truth[i]);
      const right = shareOf(
        train.size,
        (i) => !isWrong(i),
        (i) => predicted[i] === given[i],
      );
      return {
        validation: { accuracy: await accuracyOn(fitted, validation) },
        test: { accuracy: await accuracyOn(fitted, test), memorized, recovered, fitted: right },
        grids: {
          training: {
            rows: ["share"],
            columns: ["wrong: memorized", "wrong: true class", "wrong: another", "right: fitted"],
            values: [[memorized, recovered, 1 - memorized - recovered, right]],
          },
        },
      };
    },
  }),
});
