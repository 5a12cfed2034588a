import { type Stream, stream } from "../array/random.ts";
import { OckhamError } from "../error.ts";
import {
  type Dataset,
  type Findings,
  type Fitted,
  type Learner,
  type Parts,
  type Stage,
  setting,
  whole,
} from "../kinds/index.ts";
import { select } from "../training/index.ts";
import { eachPart, where } from "./common/data.ts";
import { needsClasses } from "./common/learner.ts";
import { multiHead, withHeads } from "./common/multiHead.ts";
import { accuracyOn, labelsOf } from "./common/scores.ts";

/** The first so many rows of each class, in random order; all where there are fewer. */
function fewOf(data: Dataset, each: number, order: Int32Array): Dataset {
  const taken = new Map<number, number>();
  const labels = labelsOf(data);
  const rows = order.filter((row) => {
    const count = taken.get(labels[row]) ?? 0;
    taken.set(labels[row], count + 1);
    return count < each;
  });
  return select(data, rows.sort());
}

/** Few examples of every class for a learner that has begun before, and for one that has not. */
async function fromFile(
  learner: Learner,
  { train, validation, test }: Parts,
  size: number,
  random: Stream,
): Promise<Findings> {
  const few = fewOf(train, size, random.split("few").permutation(train.size));
  // as many steps as learning from all of the data would take
  const stage: Stage = { data: few, validation, length: Math.max(1, train.size / few.size) };
  const after = await learner.fit(stage);
  const accuracy = await accuracyOn(after, test);
  const scratch = await accuracyOn(await learner.fit({ ...stage, random: true }), test);
  return {
    validation: { accuracy: await accuracyOn(after, validation) },
    test: { accuracy, scratch, gain: accuracy - scratch },
    grids: {
      stages: { rows: ["accuracy"], columns: ["fine-tuned", "from scratch"], values: [[accuracy, scratch]] },
    },
  };
}

/**
 * Fine-tuning: the model first learns one half of the classes, then the other half from few examples.
 *
 *   accuracy = test accuracy on the new classes after fine-tuning        scratch = the same without pre-training
 *   kept = test accuracy on the old classes after fine-tuning
 *
 * The halves are drawn from the seed. The new classes have `size` training examples each and heads of their own; the
 * body goes over, with what methods carry; optimizer and schedule begin anew, for as many steps. Methods take part in
 * both stages.
 * A learner that has begun before, elsewhere, has its pre-training behind it: then all classes are new, from `size`
 * training examples of each, and there is no `kept`.
 * Throws `conflict` for fewer than 4 classes where two halves are to be made.
 */
export const fineTuning = setting("fine-tuning", {
  summary: "half of the classes first, then the other half from few examples",
  paper: {
    id: "transferability",
    title: "How transferable are features in deep neural networks?",
    authors: ["Jason Yosinski", "Jeff Clune", "Yoshua Bengio", "Hod Lipson"],
    year: 2014,
    arxiv: "1411.1792",
    where: "section 2: random halves of the classes, transferred and fine-tuned",
  },
  options: { size: whole(1, 5, "training examples of each new class", [1, 5, 10]) },
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
        doc: "Test accuracy on the new classes after fine-tuning.",
      },
      {
        name: "scratch",
        title: "accuracy from scratch",
        better: "higher",
        format: "percent",
        doc: "Test accuracy on the new classes, learned from the same few examples without pre-training.",
      },
      {
        name: "gain",
        title: "gain by pre-training",
        better: "higher",
        format: "percent",
        doc: "Accuracy after fine-tuning less accuracy from scratch.",
      },
      {
        name: "kept",
        title: "accuracy on the old classes",
        better: "higher",
        format: "percent",
        doc: "Test accuracy on the classes of pre-training, after fine-tuning.",
      },
    ],
    figures: [
      {
        grid: "stages",
        kind: "rows",
        title: "Before and after fine-tuning",
        doc: "Test accuracy on the old and on the new classes.",
        row: "",
        column: "",
        format: "percent",
      },
    ],
    usual: ["ewc", "replay", "weight-decay", "dropout", "mixup"],
    words: [
      `The model first learns one half of the classes, drawn from the seed, then the other half from ${size} training example${size === 1 ? "" : "s"} of each, with heads of their own.`,
      "Where training begins with the weights of a file, that was the first half: all classes are then learned from so few examples.",
    ],
    async run(learner, parts, seed) {
      needsClasses("fine-tuning", parts.train);
      if (learner.begun) return fromFile(learner, parts, size, stream(seed).split("fine-tuning"));
      const { classes, name } = parts.train;
      if (classes.length < 4)
        throw new OckhamError(
          "conflict",
          "fine-tuning",
          `the ${classes.length} classes of ${name} do not make two halves of 2 or more`,
          "choose data with more classes",
        );
      const random = stream(seed).split("fine-tuning");
      const order = [...random.permutation(classes.length)];
      const half = Math.floor(classes.length / 2);
      const [old, fresh] = [order.slice(0, half), order.slice(half)].map((own) =>
        eachPart(parts, (data) => {
          const labels = labelsOf(data);
          return withHeads(
            where(data, (row) => own.includes(labels[row])),
            own,
          );
        }),
      );
      const few = fewOf(fresh.train, size, random.split("few").permutation(fresh.train.size));
      const tuning = (from?: Fitted): Stage => ({
        data: few,
        validation: fresh.validation,
        around: multiHead,
        // as many steps as pre-training takes
        length: Math.max(1, old.train.size / few.size),
        ...(from === undefined ? {} : { from }),
      });
      const before = await learner.fit({ data: old.train, validation: old.validation, around: multiHead });
      const beforeOld = await accuracyOn(before, old.test);
      const after = await learner.fit(tuning(before));
      const scratchFitted = await learner.fit(tuning());
      const accuracy = await accuracyOn(after, fresh.test);
      const scratch = await accuracyOn(scratchFitted, fresh.test);
      const kept = await accuracyOn(after, old.test);
      return {
        validation: { accuracy: await accuracyOn(after, fresh.validation) },
        test: { accuracy, scratch, gain: accuracy - scratch, kept },
        grids: {
          stages: {
            rows: ["accuracy"],
            columns: ["old, before", "old, after", "new, after", "new, from scratch"],
            values: [[beforeOld, kept, accuracy, scratch]],
          },
        },
      };
    },
  }),
});
