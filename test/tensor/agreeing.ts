import { type NdArray, ndarray, type PlainDType } from "../../src/array/ndarray.ts";
import { lower } from "../../src/onnx/index.ts";
import type { Host } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import { nodeOf, type Tensor } from "../../src/tensor/graph.ts";
import type { Numbers } from "./formulas.ts";

export type Plain = NdArray<PlainDType>;

export const numbersOf = ({ shape, data }: NdArray): Numbers => ({
  shape,
  data: Array.from(data as Float64Array, (x) => Number(x)),
});

/** A graph with what it is fed. */
export interface Case {
  readonly feeds: readonly Plain[];
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  /** The same in float64, where it has literals that float32 would round. */
  readonly exact?: Pick<Case, "inputs" | "output">;
}

/** In words, the first entry that is off by more than a share of what it is or of the largest. */
function off(got: NdArray, want: Numbers, share: number): string | undefined {
  if (got.shape.join() !== want.shape.join()) return `[${got.shape}] for [${want.shape}]`;
  const most = want.data.reduce((m, x) => (Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m), 1);
  for (const [i, b] of want.data.entries()) {
    const a = Number(got.data[i]);
    const near = Math.abs(a - b) <= share * (Math.abs(b) + 0.1 * most);
    if (!near && !Object.is(a, b)) return `entry ${i}: ${a} for ${b}`;
  }
  return undefined;
}

/** What is wrong with the results of the evaluator in float64 and of ONNX Runtime in float32. */
export async function wrong(host: Host, cases: readonly Case[], want: readonly Numbers[]): Promise<string[]> {
  const fed = cases.flatMap(({ inputs, feeds }) => inputs.map((t, i) => [t, feeds[i]] as const));
  const wide = (a: Plain): Plain =>
    a.dtype === "float32" ? ndarray("float64", a.shape, Float64Array.from(a.data)) : a;
  const exact = evaluate(
    cases.map(({ output, exact: own }) => own?.output ?? output),
    new Map(
      cases.flatMap(({ inputs, feeds, exact: own }) =>
        (own?.inputs ?? inputs).map((t, i) => [t, wide(feeds[i])] as const),
      ),
    ),
    { float64: true },
  );
  const named = fed.map(([t, a], i) => [`x${i}`, t, a] as const);
  const lowered = lower({
    inputs: Object.fromEntries(named.map(([name, t]) => [name, t])),
    outputs: Object.fromEntries(cases.map(({ output }, i) => [`y${i}`, output])),
  });
  const feeds = Object.fromEntries(named.map(([name, , a]) => [name, a]));
  const { outputs } = await host.run(await host.load(lowered), feeds);
  return cases.flatMap(({ output, inputs }, i) => {
    const { op, attributes } = nodeOf(output);
    const where = `${op}(${inputs.map((t) => `${t.dtype}[${t.shape}]`)}) ${JSON.stringify(attributes)}`;
    const [ours, theirs] = [off(exact[i], want[i], 1e-12), off(outputs[`y${i}`] as NdArray, want[i], 2e-5)];
    return [
      ...(ours === undefined ? [] : [`evaluator: ${where}: ${ours}`]),
      ...(theirs === undefined ? [] : [`ONNX Runtime: ${where}: ${theirs}`]),
    ];
  });
}
