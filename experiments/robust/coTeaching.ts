import { experiment, type Report, type Scale } from "../../src/kinds/index.ts";
import { coTeaching as teaching } from "../../src/methods/robust/coTeaching.ts";
import { mlp } from "../../src/nn/index.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { noisyLabels } from "../../src/settings/noisyLabels.ts";
import { partsOf } from "../common/data.ts";
import { atLeast, column, meanOf, points, ratioAtMost, those, verdictOf } from "../common/judge.ts";
import { settingArms } from "../common/settings.ts";
import { plain, use } from "../common/use.ts";

const sizes: Readonly<
  Record<Scale, { data: string; train: number; test: number; seeds: number; epochs: number }>
> = {
  smoke: { data: "digits", train: 60, test: 60, seeds: 1, epochs: 1 },
  quick: { data: "digits", train: 800, test: 600, seeds: 4, epochs: 40 },
  full: { data: "mnist", train: 3000, test: 3000, seeds: 5, epochs: 60 },
};

const kinds = [
  ["symmetric", 0.5],
  ["symmetric", 0.2],
  ["pair", 0.45],
] as const;

export const coTeaching = experiment({
  id: "co-teaching",
  paper: "co-teaching",
  claim:
    "Two networks that choose easy examples for each other are far more accurate than plain training under symmetric noise of " +
    "50 % and pair noise of 45 %, and no worse under symmetric noise of 20 % (tables 4 to 6 of the paper).",
  setting:
    "Full: 3,000 MNIST images, MLP 784-256-10, 60 epochs, 5 seeds; quick: 800 UCI digits, MLP 64-256-10, 40 epochs, 4 seeds. " +
    "Adam at rate 0.001, cosine schedule, batches of 128. Arms: none, co-teaching with the share of wrong labels and " +
    "T_k = 10 as in the paper. Holds when it gains 5 points at 50 % and 45 %, and loses none at 20 %, memorizing at most half as many " +
    "wrong labels at 50 %.",
  async run(scale, tools) {
    const { data, train, test, seeds, epochs } = sizes[scale];
    const parts = await partsOf(data, { train, validation: 10, test }, tools.signal);
    const reports: Report[] = [];
    for (const [part, [noise, share]] of kinds.entries())
      reports.push(
        ...(await settingArms(
          {
            arms: [
              { name: "none", variants: plain() },
              { name: "co-teaching", variants: plain(use(teaching, { share, epochs: 10 })) },
            ],
            data: parts,
            seeds,
            epochs,
            batchSize: 128,
            rate: 0.001,
            optimizer: adam(),
            tags: { noise: `${noise} ${share}` },
            model: (shape, outputs) => mlp(shape, outputs, [256]),
            run: noisyLabels({ noise, share }).run,
            score: "accuracy",
          },
          scale,
          {
            ...tools,
            progress: (done, of, what) => tools.progress(done + part * of, kinds.length * of, what),
          },
        )),
      );
    return reports;
  },
  judge(reports) {
    const of = (arm: string, noise: string) => those(reports, { arm, noise });
    const gain = (noise: string) => points(of("co-teaching", noise), of("none", noise));
    const mean = (arm: string, noise: string) => meanOf(column(of(arm, noise), "accuracy"));
    const [half, fifth, pair] = kinds.map(([noise, share]) => `${noise} ${share}`);
    return verdictOf(
      [
        atLeast("gain at symmetric 50 %", gain(half), 5, " points"),
        atLeast("gain at pair 45 %", gain(pair), 5, " points"),
        atLeast("gain at symmetric 20 %", gain(fifth), 0, " points"),
        ratioAtMost(
          "memorized at symmetric 50 %, relative to none",
          of("co-teaching", half),
          of("none", half),
          "memorized",
          0.5,
        ),
      ],
      undefined,
      {
        "accuracy of none at symmetric 50 %": mean("none", half),
        "accuracy of co-teaching at symmetric 50 %": mean("co-teaching", half),
        "accuracy of none at pair 45 %": mean("none", pair),
        "accuracy of co-teaching at pair 45 %": mean("co-teaching", pair),
      },
    );
  },
});
