import sharp from "sharp";
import { afterAll, describe, expect, test } from "vitest";
import { readExported } from "../../src/compare/exported.ts";
import { candidatesFor, compare, settingOf, shelf } from "../../src/compare/index.ts";
import { modelCost } from "../../src/compare/modelCost.ts";
import { predictFile, predictionsCsv } from "../../src/compare/predict.ts";
import { reportHtml } from "../../src/compare/report/page.ts";
import { encodeClasses } from "../../src/data/encodeClasses.ts";
import { imageSource, readMasks, type Source, shapes } from "../../src/data/index.ts";
import { unet } from "../../src/nn/index.ts";
import { openInline, openModel } from "../../src/runtime/index.ts";
import { range, temporary } from "../data/helpers.ts";
import { caseOf, furthest, own, pixelsOf } from "./exportCase.ts";

const { at, write } = temporary();
const data = shapes({ n: 60, side: 8, noise: 0 });
const models = {
  small: (shape: readonly number[], outputs: number) => unet(shape, outputs, { channels: [4, 6] }),
};
const split = { train: 30, validation: 10, test: 20 };

test("a class a pixel is compared by mean IoU, better than at the start, and reported", async () => {
  const candidates = await candidatesFor(["small"], [["cutmix"]], [], shelf([], models));
  const request = { data, models, candidates, split, seeds: [0], epochs: 20, batchSize: 10, rate: 0.01 };
  const comparison = await compare(request, { out: at("shapes"), workers: 1 });
  expect(comparison.setting).toMatchObject({
    score: "meanIou",
    data: { task: "segmentation", inputShape: [1, 8, 8] },
  });
  for (const { test: scores, curve } of comparison.trials) {
    for (const name of ["meanIou", "dice", "pixelAccuracy", "corruption", "fgsm"]) {
      expect(scores[name], name).toBeGreaterThan(0);
      expect(scores[name], name).toBeLessThanOrEqual(1);
    }
    expect(curve.at(-1)?.trainLoss).toBeLessThan(0.9 * curve[0].trainLoss);
  }
  const page = reportHtml(comparison);
  for (const words of [/did best on shapes/, /Mean IoU under corruption/, /Dice/])
    expect(page).toMatch(words);
});

describe("an exported model with a class a pixel", () => {
  const host = openInline();
  afterAll(() => host.close());

  /** Trained for a moment on shapes of odd sides, whose classes are called by their colours. */
  const trainedOn = async (classes: readonly string[]) => {
    const side = 9;
    const labels = shapes({ n: 20, side, noise: 0 });
    const plain = labels.encode(labels.fit(range(20)), range(20));
    const source = imageSource(
      {
        name: "painted",
        target: {
          task: "segmentation",
          name: "mask",
          classes,
          masks: Int32Array.from(plain.target.data as Int32Array, (c) => c % classes.length),
          size: [side, side],
        },
      },
      {
        shape: [1, side, side],
        data: Uint8Array.from(pixelsIn(labels, range(20)), (pixel) => Math.round(255 * pixel)),
        full: 255,
      },
    );
    return caseOf(host, source, models.small, {}, { rows: 20, epochs: 8 });
  };
  const pixelsIn = (source: Source, rows: Int32Array) => {
    const pre = source.fit(rows);
    if (pre.kind !== "image") throw new Error("no images");
    return source.encode({ ...pre, mean: [0], spread: [1] }, rows).inputs.x.data as Float32Array;
  };
  const classNames = ["0", "255", "#ff8000"];

  test("predicts as training does, for any number of images", async () => {
    const it = await trainedOn(classNames);
    expect(readExported(it.bytes, "m").task).toBe("segmentation");
    const model = await openModel(it.bytes);
    for (const n of [1, 3, 20]) {
      const { outputs } = await model.run({ image: pixelsOf(it, range(n)) });
      const want = await own(host, it, it.source.encode(it.preprocessing, range(n)));
      expect(outputs.probabilities.shape).toEqual([n, 9, 9, 3]);
      expect(furthest(outputs.probabilities.data as Float32Array, want.data)).toBeLessThan(1e-5);
      expect(outputs.mask.shape).toEqual([n, 9, 9]);
      const places = Array.from({ length: n * 81 }, (_, p) => want.data.subarray(3 * p, 3 * p + 3));
      expect(Array.from(outputs.mask.data as Int32Array)).toEqual(
        places.map((p) => p.indexOf(Math.max(...p))),
      );
    }
    await model.close();
    const cost = await modelCost(it.bytes, it.preprocessing);
    expect(cost.bytes).toBe(it.bytes.length);
  });

  test("paints masks as large as the images, in the colours that classes are named by", async () => {
    const it = await trainedOn(classNames);
    await write("painted.onnx", it.bytes);
    const bytes = Uint8Array.from(pixelsOf(it, range(12)).data as Float32Array, (p) => Math.round(255 * p));
    const files = Array.from({ length: 12 }, (_, i) => `${String.fromCharCode(97 + i)}.png`);
    for (const [i, name] of files.entries())
      await write(
        `photos/${name}`,
        await sharp(bytes.subarray(81 * i, 81 * i + 81), { raw: { width: 9, height: 9, channels: 1 } })
          .resize(27, 18, { fit: "fill", kernel: "nearest" })
          .png()
          .toBuffer(),
      );
    const found = await predictFile(at("painted.onnx"), at("photos"), { out: at("masks") });
    if (found.task !== "segmentation") throw new Error("no masks");
    expect(found).toMatchObject({ files, size: [9, 9], classes: classNames, target: "mask" });
    expect(found.shares[3].reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    const again = await readMasks(at("photos"), at("masks"));
    const used = again.classes.map((name) => classNames.indexOf(name));
    expect(used.length).toBeGreaterThan(1);
    const { target } = again.encode(again.fit(range(12)), range(12));
    expect(target.shape).toEqual([12, 18, 27]);
    const back = Array.from(target.data as Int32Array, (number) => used[number]);
    const want = found.masks.flatMap((mask) =>
      Array.from(
        { length: 18 * 27 },
        (_, p) => mask[9 * Math.floor(Math.floor(p / 27) / 2) + Math.floor((p % 27) / 3)],
      ),
    );
    expect(back).toEqual(want);
    const [heads, first] = predictionsCsv(found).split("\n");
    expect(heads).toBe("file,share(0),share(255),share(#ff8000)");
    expect(first.split(",")).toHaveLength(4);
  });

  test("of classes with other names paints them from black to white", async () => {
    const png = await encodeClasses([0, 1, 2, 1], [2, 2], ["sky", "sea", "land"]);
    expect([...(await sharp(png).raw().toBuffer())]).toEqual(
      [0, 128, 255, 128].flatMap((grey) => [grey, grey, grey]),
    );
  });
});

test("models with one answer an image, and noise studies, are refused", async () => {
  const candidates = await candidatesFor(["cnn"], []);
  const asked = { data, candidates, split, seeds: [0], epochs: 1 };
  await expect(compare(asked, { out: at("cnn") })).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("one answer for an image"),
    hint: "use unet",
  });
  await expect(settingOf({ ...asked, study: { kind: "noise" } })).rejects.toMatchObject({
    code: "conflict",
    culprit: "noise-study",
  });
});
