import { ndarray } from "../array/ndarray.ts";
import { type Stream, stream } from "../array/random.ts";
import { OckhamError } from "../error.ts";
import { type Dataset, type Parts, setting, whole } from "../kinds/index.ts";
import { select } from "../training/index.ts";
import { eachPart, where, withX } from "./common/data.ts";
import { needsClasses } from "./common/learner.ts";
import { accuracyOn, domainOf, meanOf } from "./common/scores.ts";
import { rotations } from "./common/shifts.ts";

/** Each image in one of `count` domains, turned as its domain says. */
function turned(parts: Parts, count: number, random: Stream): { parts: Parts; names: string[] } {
  const shifts = rotations(parts, count, 75);
  const changed = eachPart(parts, (data, part) => {
    const order = random.split(part).permutation(data.size);
    const domains = new Int32Array(data.size);
    order.forEach((row, i) => {
      domains[row] = i % count;
    });
    const x = (data.inputs.x.data as Float32Array).slice();
    const width = x.length / data.size;
    for (const [d, { apply }] of shifts.entries()) {
      const rows = Array.from(domains.keys()).filter((row) => domains[row] === d);
      const images = apply(select(data, rows)).inputs.x.data as Float32Array;
      for (const [i, row] of rows.entries()) x.set(images.subarray(i * width, (i + 1) * width), row * width);
    }
    const turnedData = withX(data, ndarray("float32", data.inputs.x.shape, x));
    return { ...turnedData, domain: ndarray("int32", [data.size], domains) };
  });
  return { parts: changed, names: shifts.map(({ name }) => name) };
}

/** The rows of all domains but one, which are groups from 0 up. */
function without(data: Dataset, domain: number, all: readonly number[]): Dataset {
  const others = all.filter((one) => one !== domain);
  const some = where(data, (row) => domainOf(data)[row] !== domain);
  return {
    ...some,
    group: ndarray(
      "int32",
      [some.size],
      domainOf(some).map((d) => others.indexOf(d)),
    ),
  };
}

/**
 * Domains: trained on all domains but one, tested on that one; each in turn (leave one domain out).
 *
 *   held-out accuracy = mean over domains d of the accuracy on test rows of d, trained without d
 *
 * Domains are a column of the data (--groups); images without them are dealt to `count` domains, turned by 0 to 75
 * degrees (rotated MNIST). As in Gulrajani and Lopez-Paz (2021), what is chosen is chosen on validation rows of the
 * domains that were trained on. The training domains are groups, for methods that want some. Preprocessing is
 * learned on the training rows of all domains. Throws `conflict` for fewer than 3 domains, or tables without any.
 */
export const domains = setting("domains", {
  summary: "leave one domain out: trained on the others, tested on it",
  paper: {
    id: "domainbed",
    title: "In Search of Lost Domain Generalization",
    authors: ["Ishaan Gulrajani", "David Lopez-Paz"],
    year: 2020,
    arxiv: "2007.01434",
    where: "section 3, training-domain validation",
  },
  options: { count: whole(3, 6, "how many domains, where the data have none of their own", [4, 6]) },
  examples: [],
  exempt: { experiment: "experiments of methods are run in it" },
  create: ({ count }) => ({
    tasks: ["classification"],
    measures: [
      {
        name: "heldOut",
        title: "held-out accuracy",
        better: "higher",
        format: "percent",
        doc: "Accuracy on the domain that was left out, averaged over the domains; on validation data that on the domains trained on.",
      },
      {
        name: "worstDomain",
        title: "worst held-out domain",
        better: "higher",
        format: "percent",
        doc: "Accuracy on the left-out domain where it is lowest.",
      },
      {
        name: "trainedDomains",
        title: "accuracy on trained domains",
        better: "higher",
        format: "percent",
        doc: "Accuracy on test rows of the domains that were trained on, averaged.",
      },
    ],
    figures: [
      {
        grid: "domains",
        kind: "rows",
        title: "Accuracy by domain left out",
        doc: "Test accuracy on each domain, trained without it.",
        row: "",
        column: "domain",
        format: "percent",
      },
    ],
    usual: ["group-dro", "mixup", "weight-decay", "dropout"],
    words: [
      "Each domain in turn is left out of training and tested on; the measures are averages over that.",
      `Where the data name no domains, each image is dealt to one of ${count} that differ in the angle by which it is turned.`,
    ],
    async run(learner, given, seed) {
      needsClasses("domains", given.train);
      const known = given.train.domain !== undefined;
      const made = known ? undefined : turned(given, count, stream(seed).split("domains"));
      const { train, validation, test } = made?.parts ?? given;
      const all = [...new Set(domainOf(train))].sort((a, b) => a - b);
      if (all.length < 3)
        throw new OckhamError(
          "conflict",
          "domains",
          `${train.name} has ${all.length} domain${all.length === 1 ? "" : "s"}: leaving one out needs 3 or more`,
          "name another column with --groups",
        );
      const [heldOut, trained, chosen]: [number[], number[], number[]] = [[], [], []];
      for (const domain of all) {
        const own = (data: Dataset) => without(data, domain, all);
        const fitted = await learner.fit({ data: own(train), validation: own(validation) });
        heldOut.push(
          await accuracyOn(
            fitted,
            where(test, (row) => domainOf(test)[row] === domain),
          ),
        );
        trained.push(await accuracyOn(fitted, own(test)));
        chosen.push(await accuracyOn(fitted, own(validation)));
      }
      const finite = heldOut.filter((value) => !Number.isNaN(value));
      return {
        validation: { heldOut: meanOf(chosen) },
        test: {
          heldOut: meanOf(finite),
          worstDomain: Math.min(...finite),
          trainedDomains: meanOf(trained),
        },
        grids: {
          domains: {
            rows: ["accuracy"],
            columns: all.map((d) => made?.names[d] ?? `domain ${d}`),
            values: [heldOut],
          },
        },
      };
    },
  }),
});
