import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { openData, readImages, readMasks, shapes } from "../../src/data/index.ts";
import { csv, refusal, temporary } from "./helpers.ts";

const { at, write } = temporary();
const range = (n: number) => Int32Array.from({ length: n }, (_, i) => i);

type Colour = readonly [number, number, number];

/** A picture of rows of colours. */
const picture = (rows: readonly (readonly Colour[])[], ending: "png" | "jpg" = "png") => {
  const raw = { width: rows[0].length, height: rows.length, channels: 3 } as const;
  const image = sharp(Buffer.from(rows.flat(2)), { raw });
  return (ending === "png" ? image.png() : image.jpeg()).toBuffer();
};

const [black, white, red]: readonly Colour[] = [
  [0, 0, 0],
  [255, 255, 255],
  [255, 0, 0],
];
const mask = [
  [black, white, red],
  [black, black, white],
];

async function pairs(folder: string, count = 10, suffix = ""): Promise<readonly [string, string]> {
  for (let i = 0; i < count; i++) {
    await write(`${folder}/images/${i}.png`, await picture(mask.map((row) => row.map(() => [9 * i, 9, 9]))));
    await write(`${folder}/masks/${i}${suffix}.png`, await picture(i === 0 ? mask.slice().reverse() : mask));
  }
  return [at(`${folder}/images`), at(`${folder}/masks`)];
}

describe("images with masks", () => {
  test.each(["", "_mask", "-mask"])(
    "called alike but for %j have a class a pixel, one a colour",
    async (suffix) => {
      const source = await readMasks(...(await pairs(`plain${suffix}`, 10, suffix)));
      expect([source.task, source.size, source.classes]).toEqual([
        "segmentation",
        10,
        ["0", "255", "#ff0000"],
      ]);
      const { target, inputs } = source.encode(source.fit(range(10)), range(2));
      expect([target.dtype, target.shape, inputs.x.shape]).toEqual(["int32", [2, 2, 3], [2, 3, 2, 3]]);
      expect([...target.data]).toEqual([0, 0, 1, 0, 1, 2, 0, 1, 2, 0, 0, 1]);
    },
  );

  test("are resized together, masks to their nearest pixel", async () => {
    const source = await readMasks(...(await pairs("sized")), { size: [4, 6] });
    const { target } = source.encode(source.fit(range(10)), Int32Array.of(1));
    expect(target.shape).toEqual([1, 4, 6]);
    const row = [0, 0, 1, 1, 2, 2];
    expect([...target.data].slice(0, 12)).toEqual([...row, ...row]);
  });

  test("are refused where one has no mask, one of another size, or masks say nothing", async () => {
    const says = async (folders: readonly [string, string]) =>
      (await refusal(() => readMasks(...folders))).text;
    const lone = await pairs("lone");
    await write("lone/images/extra.png", await picture(mask));
    expect(await says(lone)).toMatch(/extra\.png: no mask called extra/);
    const wide = await pairs("wide");
    await write("wide/masks/3.png", await picture([[black, white]]));
    expect(await says(wide)).toMatch(/3\.png: a mask of 1 x 2 for an image of 2 x 3/);
    const blank = await pairs("blank");
    for (let i = 0; i < 10; i++)
      await write(`blank/masks/${i}.png`, await picture(mask.map((row) => row.map(() => white))));
    expect(await says(blank)).toMatch(/all masks are of one colour, 255/);
    expect(await says(await pairs("few", 3))).toMatch(/3 images with a mask.*at least 10/s);
    const soft = await pairs("soft");
    const levels = (i: number) => mask.map((row, y) => row.map((_, x): Colour => [i, y, x]));
    for (let i = 0; i < 10; i++) await write(`soft/masks/${i}.png`, await picture(levels(i)));
    expect(await says(soft)).toMatch(/more than 20 colours/);
    expect(await says([at("soft"), at("soft/masks")])).toMatch(/holds no PNG or JPEG/);
  });
});

describe("shapes", () => {
  test("have brighter pixels where there is a shape, and all kinds of it", async () => {
    const source = shapes({ n: 60, noise: 0 });
    expect(source.classes).toEqual(["background", "disc", "square", "triangle"]);
    const pre = source.fit(range(60));
    const { inputs, target } = source.encode(pre, range(60));
    expect([inputs.x.shape, target.shape]).toEqual([
      [60, 1, 16, 16],
      [60, 16, 16],
    ]);
    if (pre.kind !== "image") throw new Error("images");
    const labels = target.data as Int32Array;
    (inputs.x.data as Float32Array).forEach((v, i) => {
      const pixel = v * pre.spread[0] + pre.mean[0];
      if (labels[i] === 0) expect(pixel).toBeCloseTo(0, 5);
      else expect(pixel).toBeGreaterThan(0.39);
    });
    expect(new Set(labels).size).toBe(4);
  });

  test("are the same for a seed, and known by name", async () => {
    const x = (seed: number) =>
      shapes({ n: 10, seed }).encode(shapes({ n: 10 }).fit(range(10)), range(10)).target.data;
    expect(x(1)).toEqual(x(1));
    expect(x(1)).not.toEqual(x(2));
    expect((await openData("shapes", { seed: 3 })).task).toBe("segmentation");
    expect((await refusal(() => shapes({ side: 4 }))).code).toBe("bad-option");
  });
});

describe("numbers to predict of images", () => {
  test("come from a labels.csv: its label, or another column", async () => {
    for (let i = 0; i < 12; i++) await write(`aged/${i}.png`, await picture([[[20 * i, 0, 0]]]));
    await write(
      "aged/labels.csv",
      csv("file,label,age,code", 12, (i) => `${i}.png,${i < 6 ? "x" : "y"},${i / 4},0${i % 2}`),
    );
    const source = await readImages(at("aged"), { target: "age" });
    expect([source.task, [...(source.values ?? [])]]).toEqual([
      "regression",
      [...range(12)].map((i) => i / 4),
    ]);
    expect((await readImages(at("aged"))).classes).toEqual(["x", "y"]);
    // classes stay as they are written, and can be asked for as numbers
    expect((await readImages(at("aged"), { target: "code" })).classes).toEqual(["00", "01"]);
    expect((await readImages(at("aged"), { target: "code", task: "regression" })).values?.[1]).toBe(1);
    expect((await openData(at("aged"), { target: "age" })).task).toBe("regression");
    expect((await refusal(() => readImages(at("aged"), { target: "agee" }))).text).toMatch(
      /did you mean "age"/,
    );
    expect((await refusal(() => readImages(at("aged"), { task: "regression" }))).text).toMatch(
      /regression needs numbers/,
    );
  });

  test("are refused of folders of classes", async () => {
    for (let i = 0; i < 12; i++) await write(`kinds/${"ab"[i % 2]}/${i}.png`, await picture([[black]]));
    expect(await refusal(() => readImages(at("kinds"), { target: "age" }))).toMatchObject({
      code: "conflict",
      culprit: "target",
    });
  });
});
