import { describe, expect, it } from "vitest";
import { leastMaximum } from "../../experiments/common/leastMaximum.ts";
import { fromNested, type Nested } from "../../src/array/ndarray.ts";
import { linearProgram } from "../../src/solvers/linearProgram.ts";
import { references } from "../methods/small.ts";

interface Case {
  readonly name: string;
  readonly inputs: { readonly c?: Nested; readonly A: Nested; readonly b: Nested };
  readonly x: readonly number[];
  readonly value: number;
}

const { cases, source } = references<Case>("linear-programs");
const vector = (values: Nested) => fromNested(values, "float64").data;

describe("linear programs", () => {
  it.each(cases.map((c) => [c.name, c] as const))(
    `%s, as ${source.tool} solves it`,
    (_, { inputs, x, value }) => {
      const [a, b] = [fromNested(inputs.A, "float64"), vector(inputs.b)];
      const found = inputs.c === undefined ? leastMaximum(a, b) : linearProgram(vector(inputs.c), a, b);
      expect(found.stopped).toBe("converged");
      expect(found.value).toBeCloseTo(value, 7);
      x.forEach((expected, i) => {
        expect(found.at[i]).toBeCloseTo(expected, 6);
      });
    },
  );

  it("stops at its limit where nothing is feasible", () => {
    const never = linearProgram(vector([1, 1]), fromNested([[1, 1]], "float64"), vector([-1]));
    expect(never.stopped).toBe("limit");
  });

  it("refuses sizes that do not fit", () => {
    const a = fromNested([[1, 1]], "float64");
    expect(() => linearProgram(vector([1]), a, vector([1]))).toThrow(
      expect.objectContaining({ code: "bad-shape", culprit: "linearProgram" }),
    );
  });
});
