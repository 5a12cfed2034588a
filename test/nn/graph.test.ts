import { describe, expect, it } from "vitest";
import { fromNested, type NdArray, type Nested, ndarray } from "../../src/array/ndarray.ts";
import type { Graph } from "../../src/kinds/index.ts";
import { gcn, mlp, models, ofFeatures } from "../../src/nn/index.ts";
import { normalizedAdjacency, product, spreadOf } from "../../src/nn/propagation.ts";
import { constant, fill, input, keyOf, mul, scalar, sum, vjp } from "../../src/tensor/index.ts";
import { references } from "../methods/small.ts";
import { numbersOf, valuesOf } from "../tensor/numbers.ts";

interface Case {
  readonly name: string;
  readonly options: {
    readonly hidden: readonly [number, ...number[]];
    readonly edges: readonly (readonly [number, number])[];
    readonly asked: readonly number[];
  };
  readonly inputs: {
    readonly features: Nested;
    readonly strengths: readonly number[];
    readonly kernels: readonly Nested[];
    readonly biases: readonly Nested[];
    readonly upstream: Nested;
  };
  readonly output: Nested;
  readonly gradients: { readonly kernels: readonly Nested[]; readonly biases: readonly Nested[] };
}

const flat = (values: Nested): number[] =>
  typeof values === "number" ? [values] : (values as readonly Nested[]).flatMap(flat);

function graphOf(
  features: Nested,
  edges: readonly (readonly number[])[],
  strengths?: readonly number[],
): Graph {
  const n = edges.length;
  return {
    features: fromNested(features) as NdArray<"float32">,
    edges: ndarray("int32", [n, 2], Int32Array.from(edges.flat())),
    strengths: ndarray("float32", [n], Float32Array.from(strengths ?? edges.map(() => 1))),
  };
}

const nodes = (...numbers: number[]) =>
  constant(ndarray("int32", [numbers.length], Int32Array.from(numbers)));

describe("graph convolutional networks", () => {
  const { cases, source } = references<Case>("graph");
  it.each(cases.map((c) => [c.name, c] as const))(`%s (${source.script})`, (_, c) => {
    const { hidden, edges, asked } = c.options;
    const { features, strengths, kernels, biases, upstream } = c.inputs;
    const outputs = (upstream as number[][])[0].length;
    const model = gcn(graphOf(features, edges, strengths), outputs, { hidden });
    const layers = [...hidden.map((_, i) => `hidden.${i}.0`), "head"];
    const of = (list: readonly Nested[], role: string) =>
      layers.map((layer, i) => [`${layer}.${role}`, constant(fromNested(list[i]))] as const);
    const weights = Object.fromEntries([...of(kernels, "kernel"), ...of(biases, "bias")]);
    expect(model.leaves.map(({ path }) => path).sort()).toEqual(Object.keys(weights).sort());
    const { prediction } = model.apply(weights, { node: nodes(...asked) });
    const total = sum(mul(prediction, constant(fromNested(upstream))));
    const [output, ...gradients] = valuesOf([
      prediction,
      ...vjp([total], [scalar(1)], Object.values(weights)),
    ]);
    // the entries of S are float32
    const close = (got: readonly number[], want: Nested) =>
      flat(want).forEach((x, i) => {
        expect(Math.abs(got[i] - x)).toBeLessThan(1e-6 * Math.max(1, Math.abs(x)));
      });
    close(output, c.output);
    [...c.gradients.kernels, ...c.gradients.biases].forEach((want, i) => {
      close(gradients[i], want);
    });
  });

  // two nodes joined, one alone: S = [[1/2, 1/2, 0], [1/2, 1/2, 0], [0, 0, 1]]
  const three = graphOf([[2], [4], [7]], [[0, 1]]);

  it("spread by D^-1/2 (A + I) D^-1/2, on the host, whole and by edges", () => {
    const sparse = normalizedAdjacency(three);
    expect(Array.from(product(sparse, three.features).data)).toEqual([3, 3, 7]);
    const x = constant(three.features);
    for (const whole of [true, false]) {
      expect(numbersOf(spreadOf(sparse, whole)(x))).toEqual([3, 3, 7]);
      expect(numbersOf(spreadOf(sparse, whole)(x, nodes(2, 0)))).toEqual([7, 3]);
    }
    // degrees 1 + 3 and 1 + 3: 3 / 4 of the other, 1 / 4 of oneself
    const strong = normalizedAdjacency(graphOf([[2], [4], [7]], [[0, 1]], [3]));
    expect(Array.from(product(strong, three.features).data)).toEqual([3.5, 2.5, 7]);
  });

  it("have named places of all nodes, then of those asked", () => {
    const model = gcn(three, 2, { hidden: [4, 5] });
    expect([model.places, model.inputs]).toEqual([["hidden.0", "hidden.1", "features"], { node: [] }]);
    const weights = model.init(keyOf([1, 2]));
    const { activations, prediction } = model.apply(weights, { node: input("node", [7], "int32") });
    expect(Object.values(activations).map(({ shape }) => shape)).toEqual([
      [3, 4],
      [3, 5],
      [7, 5],
    ]);
    expect(prediction.shape).toEqual([7, 2]);
    const from = { name: "hidden.1", value: fill([3, 5], 1) };
    const again = model.apply(weights, { node: nodes(1) }, { from });
    // rows of S sum to 1 here
    expect(numbersOf(again.activations.features)).toEqual([1, 1, 1, 1, 1]);
  });

  it("stand beside models of the features alone", () => {
    const plain = mlp([1], 2, [3]);
    const weights = plain.init(keyOf([1, 2]));
    const x = constant(fromNested([[7], [2]]));
    const [of, alone] = [
      ofFeatures(plain, three).apply(weights, { node: nodes(2, 0) }),
      plain.apply(weights, { x }),
    ].map(({ prediction }) => numbersOf(prediction));
    expect(of).toEqual(alone);
    const about = { task: "classification", graph: three } as const;
    expect(models.mlp([1], 2, about).inputs).toEqual({ node: [] });
    expect(() => models.gcn([1], 2)).toThrow(/gcn takes nodes of a graph/);
    expect(() => models.cnn([1], 2, about)).toThrow(/cnn/);
  });
});
