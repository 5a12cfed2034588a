import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kMeans } from "../../src/array/kmeans.ts";
import { fromNested } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";

type Rows = readonly (readonly number[])[];

const meanOf = (rows: Rows): number[] =>
  rows[0].map((_, j) => rows.reduce((sum, row) => sum + row[j] / rows.length, 0));
const squaredDistance = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, v, j) => sum + (v - b[j]) ** 2, 0);

describe("kMeans", () => {
  it("finds clusters that lie apart", () => {
    const random = stream(1);
    const rows = Array.from({ length: 30 }, (_, i) => [10 * (i % 3) + random.normal(), random.normal()]);
    const { labels } = kMeans(fromNested(rows), 3, random);
    for (let i = 3; i < 30; i++) expect(labels[i]).toBe(labels[i % 3]);
    expect(new Set(labels).size).toBe(3);
  });

  it("leaves every row with the nearest mean", () => {
    const row = fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 }));
    fc.assert(
      fc.property(fc.array(row, { minLength: 3, maxLength: 20 }), fc.nat(), (rows, seed) => {
        const { labels, inertia } = kMeans(fromNested(rows), 3, stream(seed));
        const means = new Map(
          [...new Set(labels)].map((k) => [k, meanOf(rows.filter((_, i) => labels[i] === k))]),
        );
        let total = 0;
        rows.forEach((one, i) => {
          const own = squaredDistance(one, means.get(labels[i]) as number[]);
          total += own;
          for (const mean of means.values())
            expect(own).toBeLessThanOrEqual(squaredDistance(one, mean) + 1e-9);
        });
        expect(inertia).toBeCloseTo(total, 6);
      }),
      { numRuns: 50 },
    );
  });

  it("is the same for the same stream, and bears equal rows", () => {
    const rows = fromNested([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    expect(kMeans(rows, 2, stream(3))).toEqual(kMeans(rows, 2, stream(3)));
    expect(kMeans(rows, 2, stream(3)).inertia).toBe(0);
  });
});
