import { describe, expect, it } from "vitest";
import { type Nested, toNested } from "../../src/array/ndarray.ts";
import type { Example, Options } from "../../src/kinds/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import { members } from "../members.ts";

const flat = (values: Nested): number[] =>
  typeof values === "number" ? [values] : (values as readonly Nested[]).flatMap(flat);
const shapeOf = (values: Nested): number[] =>
  typeof values === "number" ? [] : [values.length, ...(values.length > 0 ? shapeOf(values[0]) : [])];

const all = await members();

describe.each(all)("$definition.id", ({ definition }) => {
  it("has an example", () => expect(definition.examples.length).toBeGreaterThan(0));

  it.each(definition.examples.map((example, i) => ({ i, example })))("example $i", async ({ example }) => {
    const { options = {}, value, output, tolerance = 1e-6 } = example as Example<unknown, Options>;
    const [result] = evaluate([await value(definition(options))]);
    expect(result.shape).toEqual(shapeOf(output));
    const numbers = flat(toNested(result as Parameters<typeof toNested>[0]));
    const expected = flat(output);
    numbers.forEach((number, j) => {
      const allowed = tolerance * (example.tolerance === undefined ? Math.max(1, Math.abs(expected[j])) : 1);
      expect(Math.abs(number - expected[j]), `entry ${j}: ${number} for ${expected[j]}`).toBeLessThanOrEqual(
        allowed,
      );
    });
  });
});
