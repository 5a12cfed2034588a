import { describe, expect, it } from "vitest";
import { ndarray, sizeOf } from "../../src/array/ndarray.ts";
import type { Leaf, Params } from "../../src/kinds/index.ts";
import { attention, languageModel, sequence, transformerBlock } from "../../src/nn/index.ts";
import { constant, keyOf, type Tensor } from "../../src/tensor/index.ts";
import { literal, normals, numbersOf } from "../tensor/numbers.ts";

const [vocabulary, tokens, width, layers] = [11, 5, 8, 2];
const model = languageModel(vocabulary, tokens, { layers, width, heads: 2, hidden: 12 });
const start = model.init(keyOf([1, 2]));
/** Embeddings large enough that every id matters. */
const weights: Params = Object.fromEntries(
  model.leaves.map(({ path, role, shape }) => [
    path,
    role === "embedding" ? constant(normals(shape, 3, path)) : start[path],
  ]),
);

const idsOf = (...ids: number[]): Tensor =>
  constant(ndarray("int32", [ids.length / tokens, tokens], Int32Array.from(ids)));

const predicted = (ids: Tensor): number[] => numbersOf(model.apply(weights, { ids }).prediction);

describe("a language model", () => {
  it("has the parameters of its layers, and predicts for each place", () => {
    const attended = width * 3 * width + 3 * width + width * width + width;
    const fed = width * 12 + 12 + 12 * width + width;
    const count = model.leaves.reduce((n, { shape }) => n + sizeOf(shape), 0);
    expect(count).toBe(
      // embeddings; by block two norms, attention and the feed-forward part; the last norm and the head
      (vocabulary + tokens) * width + layers * (4 * width + attended + fed) + 2 * width + vocabulary * width,
    );
    expect(model.inputs).toEqual({ ids: [tokens] });
    expect(model.outputs).toBe(vocabulary);
    expect(model.apply(weights, { ids: idsOf(...Array(10).fill(1)) }).prediction.shape).toEqual([
      2,
      tokens,
      vocabulary,
    ]);
  });

  it("sees the ids up to a place, all of them, and no later ones", () => {
    const before = predicted(idsOf(1, 2, 3, 4, 5));
    for (let changed = 0; changed < tokens; changed++) {
      const ids = [1, 2, 3, 4, 5];
      ids[changed] = 7;
      const after = predicted(idsOf(...ids));
      for (let place = 0; place < tokens; place++) {
        const row = (values: readonly number[]) => values.slice(place * vocabulary, (place + 1) * vocabulary);
        if (place < changed) expect(row(after)).toEqual(row(before));
        else expect(row(after)).not.toEqual(row(before));
      }
    }
  });

  it("tells places apart: the same ids in another order are another text", () => {
    const last = (values: readonly number[]) => values.slice(-vocabulary);
    expect(last(predicted(idsOf(1, 2, 3, 4, 5)))).not.toEqual(last(predicted(idsOf(2, 1, 3, 4, 5))));
  });

  it("takes its input by the name `ids`", () => {
    expect(() => model.apply(weights, { x: idsOf(1, 2, 3, 4, 5) })).toThrow(
      expect.objectContaining({ code: "bad-shape", culprit: "ids" }),
    );
  });
});

describe("attention", () => {
  const context = (leaves: readonly Leaf[], values: Params) => ({
    weights: Object.fromEntries(leaves.map(({ path }) => [path, values[path]])),
    mode: "eval" as const,
    buffers: {},
  });

  it("is softmax(q k^T / sqrt(d)) v by heads, worked out by hand", () => {
    const module = attention(1)("a", [2, 1]);
    const values: Params = {
      "a.qkv.kernel": literal([3, 1], 1, 2, 3),
      "a.qkv.bias": literal([3], 0, 0, 0),
      "a.out.kernel": literal([1, 1], 1),
      "a.out.bias": literal([1], 0.5),
    };
    // q = x, k = 2x, v = 3x for x = (0, 1): the first place weighs both alike, the second by e^0 and e^2
    const share = Math.exp(2) / (1 + Math.exp(2));
    const y = numbersOf(module.apply(literal([1, 2, 1], 0, 1), context(module.leaves, values)));
    expect(y[0]).toBeCloseTo(3 * 0.5 + 0.5, 12);
    expect(y[1]).toBeCloseTo(3 * share + 0.5, 12);
  });

  it("without a mask does not know the order of tokens; the masked one does", () => {
    const x = normals([1, 3, 4], 5, "x");
    const swapped = Float32Array.of(...x.data.slice(4, 8), ...x.data.slice(0, 4), ...x.data.slice(8));
    for (const causal of [false, true]) {
      const module = attention(2, { causal })("a", [3, 4]);
      const values = module.init(keyOf([5, 6]));
      const last = (data: Float32Array) =>
        numbersOf(
          module.apply(constant(ndarray("float32", [1, 3, 4], data)), context(module.leaves, values)),
        );
      const [plain, other] = [last(x.data), last(swapped)];
      // the last token sees all others either way
      other.slice(8).forEach((v, i) => {
        expect(v).toBeCloseTo(plain[8 + i], 12);
      });
      const exchanged = other.slice(0, 4).every((v, i) => Math.abs(v - plain[4 + i]) < 1e-9);
      expect(exchanged).toBe(!causal);
    }
  });

  it("refuses a width that does not divide into its heads", () => {
    expect(() => sequence(transformerBlock(3))("block", [5, 8])).toThrow(
      expect.objectContaining({ code: "bad-shape" }),
    );
  });
});
