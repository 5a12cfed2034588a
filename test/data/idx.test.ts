import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readIdx } from "../../src/data/idx.ts";
import { readIdxFile } from "../../src/data/idxFiles.ts";
import { openData } from "../../src/data/index.ts";
import { range, refusal, temporary } from "./helpers.ts";

const { at, write } = temporary();

/** An IDX file as its format says: two zeros, type, axes, lengths in big endian, elements. */
const idx = (type: number, shape: readonly number[], body: ArrayLike<number>): Uint8Array => {
  const lengths = shape.flatMap((n) => [n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255]);
  return Uint8Array.from([0, 0, type, shape.length, ...lengths, ...Array.from(body)]);
};

test("every element type, big endian", () => {
  const read = (type: number, bytes: number[], n = 1) => {
    const a = readIdx(idx(type, [n], bytes), "x");
    return [a.dtype, ...a.data];
  };
  expect(read(0x08, [0, 255], 2)).toEqual(["uint8", 0, 255]);
  expect(read(0x09, [255]).concat()).toEqual(["int8", -1]);
  expect(read(0x0b, [0x01, 0x02])).toEqual(["int32", 258]);
  expect(read(0x0c, [0xff, 0xff, 0xff, 0xfe])).toEqual(["int32", -2]);
  // IEEE 754: 1.5 is 3fc00000, -2 is c000000000000000.
  expect(read(0x0d, [0x3f, 0xc0, 0, 0])).toEqual(["float32", 1.5]);
  expect(read(0x0e, [0xc0, 0, 0, 0, 0, 0, 0, 0])).toEqual(["float64", -2]);
  expect(readIdx(idx(0x08, [2, 1, 3], range(6)), "x").shape).toEqual([2, 1, 3]);
});

describe("refused", () => {
  const good = idx(0x08, [2, 3], range(6));
  test.each([
    ["nothing", good.subarray(0, 0), /not an IDX/],
    ["text", new TextEncoder().encode("x,y\n1,2\n"), /not an IDX/],
    ["an unknown type", good.with(2, 7), /not an IDX/],
    ["a cut header", good.subarray(0, 9), /truncated inside its header/],
    ["a cut body", good.subarray(0, good.length - 1), /truncated: shape \[2,3\] needs 6 bytes, 5 are there/],
    ["bytes left over", Uint8Array.from([...good, 1]), /too long/],
    ["a length that is a lie", good.with(4, 255), /truncated/],
  ])("%s", async (_, bytes, says) => {
    const refused = await refusal(() => readIdx(bytes, "digits-idx"));
    expect([refused.code, refused.culprit]).toEqual(["bad-file", "digits-idx"]);
    expect(refused.text).toMatch(says);
  });

  test("a truncated .gz", async () => {
    const noise = range(4000).map((i) => (i * 7919) % 251);
    const path = await write("cut.gz", gzipSync(idx(0x08, [4000], noise)).subarray(0, 200));
    expect((await refusal(() => readIdxFile(path))).text).toContain("not a whole .gz");
  });
});

describe("as data", () => {
  const images = (n: number) => gzipSync(idx(0x08, [n, 2, 2], range(4 * n)));
  const labels = (n: number) =>
    gzipSync(
      idx(
        0x08,
        [n],
        range(n).map((i) => (i % 2) * 7),
      ),
    );

  test("images find their labels and their test images", async () => {
    await write("set/train-images-idx3-ubyte.gz", images(12));
    await write("set/train-labels-idx1-ubyte.gz", labels(12));
    await write("set/t10k-images-idx3-ubyte.gz", images(4));
    await write("set/t10k-labels-idx1-ubyte.gz", labels(4));
    for (const path of [at("set"), at("set/train-images-idx3-ubyte.gz")]) {
      const source = await openData(path);
      expect([source.size, source.classes, [...source.test!]]).toEqual([16, ["0", "7"], [12, 13, 14, 15]]);
      const learned = source.fit(range(12));
      // Pixels 0 to 47 of 255.
      expect(learned).toMatchObject({ shape: [1, 2, 2], mean: [expect.closeTo(23.5 / 255, 12)] });
    }
  });

  test("labels that are not there, or of another number", async () => {
    const alone = await write("alone/train-images-idx3-ubyte.gz", images(12));
    expect((await refusal(() => openData(alone))).text).toContain(
      "train-labels-idx1-ubyte.gz does not exist",
    );
    await write("alone/train-labels-idx1-ubyte.gz", labels(11));
    expect((await refusal(() => openData(alone))).text).toContain("labels [11] for 12 images");
  });
});
