import { describe, expect, it } from "vitest";
import { fromNested, type Nested } from "../../src/array/ndarray.ts";
import type { Params } from "../../src/kinds/index.ts";
import {
  type AttentionOptions,
  attention,
  type BlockOptions,
  encoder,
  languageModel,
  type ModuleOf,
  rotary,
  sinusoidal,
  stateless,
  type TransformerOptions,
  transformerBlock,
} from "../../src/nn/index.ts";
import { constant, keyOf, mul, scalar, sum, type Tensor, vjp } from "../../src/tensor/index.ts";
import { references } from "../methods/small.ts";
import { literal, normals, numbersOf, valuesOf } from "../tensor/numbers.ts";

interface Case {
  readonly name: string;
  readonly options: AttentionOptions & BlockOptions & { readonly kind: string; readonly heads: number };
  readonly inputs: Readonly<Record<"x" | "upstream", Nested>> & Readonly<Record<string, Nested>>;
  readonly params: Readonly<Record<string, Nested>>;
  readonly output: Nested;
  readonly gradients: Readonly<Record<string, Nested>>;
}

const flat = (values: Nested): number[] =>
  typeof values === "number" ? [values] : (values as readonly Nested[]).flatMap(flat);
const given = (values: Nested): Tensor => constant(fromNested(values));

function partOf({ kind, heads, ...options }: Case["options"]): readonly [string, ModuleOf] {
  if (kind === "block") return ["b", transformerBlock(heads, options)];
  if (kind === "rotary")
    return [
      "r",
      stateless(
        (s) => s,
        (x) => rotary(x),
      ),
    ];
  if (kind === "sinusoidal") return ["s", sinusoidal];
  return ["a", attention(heads, options)];
}

describe("attention, blocks and positions", () => {
  const { cases, source } = references<Case>("attention");
  it.each(cases.map((c) => [c.name, c] as const))(`%s, as in PyTorch (${source.script})`, (_, c) => {
    const [name, part] = partOf(c.options);
    const x = given(c.inputs.x);
    const module = part(name, x.shape.slice(1));
    const weights: Params = Object.fromEntries(
      Object.entries(c.params).map(([path, values]) => [path, given(values)]),
    );
    expect(module.leaves.map(({ path, shape }) => [path, shape]).sort()).toEqual(
      Object.entries(weights)
        .map(([path, { shape }]) => [path, shape])
        .sort(),
    );
    const mask = c.inputs.mask === undefined ? {} : { mask: given(c.inputs.mask) };
    const memory = c.inputs.memory === undefined ? undefined : given(c.inputs.memory);
    const y = module.apply(x, {
      weights,
      mode: "eval",
      buffers: {},
      ...(memory === undefined ? mask : { memory: { value: memory, ...mask } }),
    });
    const wrt: Params = { x, ...(memory === undefined ? {} : { memory }), ...weights };
    const value = sum(mul(y, given(c.inputs.upstream)));
    const paths = Object.keys(c.gradients);
    const [output, ...gradients] = valuesOf([
      y,
      ...vjp(
        [value],
        [scalar(1)],
        paths.map((path) => wrt[path]),
      ),
    ]);
    const close = (got: readonly number[], wanted: Nested, what: string) =>
      flat(wanted).forEach((v, i) => {
        expect(Math.abs(got[i] - v), `${what} ${i}: ${got[i]} for ${v}`).toBeLessThan(
          1e-6 * Math.max(1, Math.abs(v)),
        );
      });
    close(output, c.output, "output");
    paths.forEach((path, i) => {
      close(gradients[i], c.gradients[path], path);
    });
  });
});

describe("what attention refuses", () => {
  it("heads that do not divide", () => {
    expect(() => attention(3)("a", [4, 8])).toThrow(expect.objectContaining({ code: "bad-shape" }));
    expect(() => attention(4, { keyValueHeads: 3 })("a", [4, 8])).toThrow(
      expect.objectContaining({ code: "bad-shape" }),
    );
  });

  it("an order between two texts, and a memory that is not there", () => {
    expect(() => attention(2, { memory: [3, 8], causal: true })("a", [4, 8])).toThrow(
      expect.objectContaining({ code: "conflict" }),
    );
    const module = attention(2, { memory: [3, 8] })("a", [4, 8]);
    const weights = module.init(keyOf([1, 1]));
    expect(() =>
      module.apply(constant(normals([1, 4, 8], 1, "x")), { weights, mode: "eval", buffers: {} }),
    ).toThrow(expect.objectContaining({ code: "bad-shape", culprit: "a" }));
  });
});

const ids = (...rows: number[][]): Tensor => constant(fromNested(rows, "int32"));

describe("transformers", () => {
  const variants: readonly TransformerOptions[] = [
    {},
    { norm: "after", activation: "relu" },
    { positions: "sinusoidal", keyValueHeads: 1 },
    { positions: "rotary", keyValueHeads: 2 },
    { positions: "alibi" },
    { positions: "none" },
  ];

  it.each(variants)("a causal one with %o sees no later id", (options) => {
    const model = languageModel(9, 4, { layers: 2, width: 8, heads: 4, ...options });
    const weights = model.init(keyOf([3, 4]));
    const at = (...row: number[]) => numbersOf(model.apply(weights, { ids: ids(row) }).prediction);
    const [one, other] = [at(1, 2, 3, 4), at(1, 2, 3, 8)];
    expect(one.slice(0, 27)).toEqual(other.slice(0, 27));
    expect(one.slice(27)).not.toEqual(other.slice(27));
  });

  it.each(["mean", "first"] as const)("an encoder with pooling %s does not see padding", (pooling) => {
    const model = encoder(9, 4, 3, { layers: 2, width: 8, heads: 2, pooling });
    expect(model.inputs).toEqual({ ids: [4], mask: [4] });
    const weights = model.init(keyOf([3, 4]));
    const at = (mask: number[], ...row: number[]) =>
      numbersOf(model.apply(weights, { ids: ids(row), mask: literal([1, 4], ...mask) }).prediction);
    const [one, other] = [at([1, 1, 0, 0], 1, 2, 0, 0), at([1, 1, 0, 0], 1, 2, 7, 8)];
    one.forEach((v, i) => {
      expect(v).toBeCloseTo(other[i], 10);
    });
    expect(at([1, 1, 1, 0], 1, 2, 7, 8)).not.toEqual(other);
    expect(at([0, 0, 0, 0], 1, 2, 7, 8).every(Number.isFinite)).toBe(true);
  });

  it("an encoder without its mask is refused by name", () => {
    const model = encoder(9, 4, 3, { layers: 1, width: 8, heads: 2 });
    expect(() => model.apply(model.init(keyOf([3, 4])), { ids: ids([1, 2, 3, 4]) })).toThrow(
      expect.objectContaining({ code: "bad-shape", culprit: "mask" }),
    );
  });
});
