import { describe, expect, it } from "vitest";
import type { Nested } from "../../src/array/ndarray.ts";
import { fromNested } from "../../src/array/ndarray.ts";
import {
  type Cell,
  lastToken,
  nextToken,
  recurrence,
  recurrent,
  recurrentEncoder,
  recurrentLanguageModel,
  recurrentModel,
} from "../../src/nn/index.ts";
import {
  add,
  concat,
  constant,
  fill,
  input,
  keyOf,
  mul,
  scalar,
  slice,
  sum,
  type Tensor,
  vjp,
} from "../../src/tensor/index.ts";
import { references } from "../methods/small.ts";
import { literal, numbersOf, valuesOf } from "../tensor/numbers.ts";

type Names = "x" | "kernel" | "inputBias" | "recurrent" | "recurrentBias";
interface Case {
  readonly name: string;
  readonly options: { readonly cell: Cell; readonly units: number; readonly reverse: boolean };
  readonly inputs: Readonly<Record<Names | "upstream", Nested>>;
  readonly output: Nested;
  readonly gradients: Readonly<Record<Names, Nested>>;
}

const flat = (values: Nested): number[] =>
  typeof values === "number" ? [values] : (values as readonly Nested[]).flatMap(flat);

/** PyTorch's two biases are one here, but for the candidate of a GRU. */
function weightsOf(
  t: Readonly<Record<Names, Tensor>>,
  { cell, units }: Pick<Case["options"], "cell" | "units">,
) {
  if (cell !== "gru") return { input: add(t.inputBias, t.recurrentBias) };
  const gates = concat([slice(t.recurrentBias, 0, 0, 2 * units), fill([units], 0)]);
  return { input: add(t.inputBias, gates), candidate: slice(t.recurrentBias, 0, 2 * units, 3 * units) };
}

describe("recurrent layers", () => {
  const { cases, source } = references<Case>("recurrent");

  it.each(cases.map((c) => [c.name, c] as const))(`%s (${source.script})`, (_, c) => {
    const names: readonly Names[] = ["x", "kernel", "inputBias", "recurrent", "recurrentBias"];
    const t = Object.fromEntries(names.map((n) => [n, constant(fromNested(c.inputs[n]))])) as Record<
      Names,
      Tensor
    >;
    const bias = weightsOf(t, c.options);
    const weights = {
      "r.input.kernel": t.kernel,
      "r.input.bias": bias.input,
      "r.recurrent": t.recurrent,
      ...(bias.candidate === undefined ? {} : { "r.bias": bias.candidate }),
    };
    let [value, shape] = [t.x, t.x.shape.slice(1) as readonly number[]];
    const leaves: string[] = [];
    for (const { name, part } of recurrent("r", c.options.units, c.options)) {
      const built = part(name, shape);
      value = built.apply(value, { weights, mode: "eval", buffers: {} });
      shape = built.shape;
      leaves.push(...built.leaves.map(({ path }) => path));
    }
    expect(leaves.sort()).toEqual(Object.keys(weights).sort());
    const total = sum(mul(value, constant(fromNested(c.inputs.upstream))));
    const wrt = names.map((n) => t[n]);
    const [output, ...gradients] = valuesOf([value, ...vjp([total], [scalar(1)], wrt)]);
    const close = (got: readonly number[], want: Nested) =>
      flat(want).forEach((x, i) => {
        expect(Math.abs(got[i] - x)).toBeLessThan(1e-9 * Math.max(1, Math.abs(x)));
      });
    close(output, c.output);
    names.forEach((n, i) => {
      close(gradients[i], c.gradients[n]);
    });
  });

  it("say which layer is missing before them", () => {
    expect(() => recurrence(4, { cell: "lstm" })("r", [3, 4])).toThrow(/take \[tokens, 16\], not \[3,4\]/);
  });
});

interface Packed {
  readonly name: string;
  readonly options: { readonly cell: Cell; readonly units: number; readonly lengths: readonly number[] };
  readonly inputs: {
    readonly x: Nested;
    readonly layers: readonly Readonly<Record<Exclude<Names, "x">, Nested>>[];
    readonly upstream: Nested;
  };
  readonly output: Nested;
  readonly gradients: { readonly x: Nested; readonly layers: Packed["inputs"]["layers"] };
}

describe("the last states of padded sequences", () => {
  const { cases, source } = references<Packed>("packed");

  it.each(cases.map((c) => [c.name, c] as const))(`%s (${source.script})`, (_, c) => {
    const { cell, units, lengths } = c.options;
    const kinds = ["kernel", "inputBias", "recurrent", "recurrentBias"] as const;
    const x = constant(fromNested(c.inputs.x));
    const layers = c.inputs.layers.map(
      (layer) =>
        Object.fromEntries(kinds.map((k) => [k, constant(fromNested(layer[k]))])) as Record<Names, Tensor>,
    );
    const tokens = x.shape[1];
    const mask = constant(
      fromNested(lengths.map((n) => Array.from({ length: tokens }, (_, t) => (t < n ? 1 : 0)))),
    );
    let [value, shape] = [x, x.shape.slice(1) as readonly number[]];
    layers.forEach((t, i) => {
      const bias = weightsOf(t, c.options);
      const weights = {
        [`r.${i}.input.kernel`]: t.kernel,
        [`r.${i}.input.bias`]: bias.input,
        [`r.${i}.recurrent`]: t.recurrent,
        ...(bias.candidate === undefined ? {} : { [`r.${i}.bias`]: bias.candidate }),
      };
      for (const { name, part } of recurrent(`r.${i}`, units, { cell })) {
        const built = part(name, shape);
        value = built.apply(value, { weights, mode: "eval", buffers: {} });
        shape = built.shape;
      }
    });
    const last = lastToken("features", shape).apply(value, { weights: {}, mode: "eval", buffers: {}, mask });
    const total = sum(mul(last, constant(fromNested(c.inputs.upstream))));
    const wrt = [x, ...layers.flatMap((t) => kinds.map((k) => t[k]))];
    const [output, ...gradients] = valuesOf([last, ...vjp([total], [scalar(1)], wrt)]);
    const wanted = [c.gradients.x, ...c.gradients.layers.flatMap((layer) => kinds.map((k) => layer[k]))];
    [c.output, ...wanted].forEach((want, i) => {
      const got = i === 0 ? output : gradients[i - 1];
      flat(want).forEach((number, at) => {
        expect(Math.abs(got[at] - number)).toBeLessThan(1e-9 * Math.max(1, Math.abs(number)));
      });
    });
  });
});

describe("recurrent models", () => {
  it("of sequences predict from the last state, and name what they compute", () => {
    const model = recurrentModel([5, 3], 2, { cell: "gru", units: 4, layers: 2 });
    expect(model.places).toEqual([
      "recurrent.0.input",
      "recurrent.0",
      "recurrent.1.input",
      "recurrent.1",
      "features",
    ]);
    const roles = model.leaves.filter(({ role }) => role === "recurrent");
    expect(roles.map(({ path, shape }) => [path, shape])).toEqual([
      ["recurrent.0.recurrent", [12, 4]],
      ["recurrent.1.recurrent", [12, 4]],
    ]);
    const x = literal([1, 5, 3], ...Array.from({ length: 15 }, (_, i) => Math.sin(i)));
    const { prediction, activations } = model.apply(model.init(keyOf([1, 2])), { x });
    expect(prediction.shape).toEqual([1, 2]);
    const [states, features] = valuesOf([activations["recurrent.1"], activations.features]);
    expect(features).toEqual(states.slice(-4));
  });

  it("of texts read each to its end, whatever the padding holds", () => {
    const model = recurrentEncoder(9, 4, 2, { cell: "gru", width: 3, units: 5 });
    const weights = model.init(keyOf([1, 2]));
    const read = (ids: number[], length: number) => {
      const mask = ids.map((_, t) => (t < length ? 1 : 0));
      const inputs = { ids: constant(fromNested([ids], "int32")), mask: constant(fromNested([mask])) };
      return numbersOf(model.apply(weights, inputs).prediction);
    };
    expect(read([1, 2, 3, 4], 2)).toEqual(read([1, 2, 8, 0], 2));
    expect(read([1, 2, 3, 4], 2)).not.toEqual(read([1, 2, 3, 4], 3));
    // no token, no state: what is left is the head's bias
    expect(read([1, 2, 3, 4], 0)).toEqual([0, 0]);
  });

  it("of ids do not look ahead", () => {
    const model = recurrentLanguageModel(7, 4, { width: 3, units: 5 });
    const weights = model.init(keyOf([1, 2]));
    const logits = (...ids: number[]) =>
      numbersOf(model.apply(weights, { ids: constant(fromNested([ids], "int32")) }).prediction);
    const [a, b] = [logits(1, 2, 3, 4), logits(1, 2, 6, 0)];
    expect(a.slice(0, 14)).toEqual(b.slice(0, 14));
    expect(a.slice(14, 21)).not.toEqual(b.slice(14, 21));
    const ids = input("ids", [2, 4], "int32");
    expect(nextToken.value(model.apply(weights, { ids }).prediction, ids).shape).toEqual([2]);
  });
});
