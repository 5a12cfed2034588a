import { type Formula, openFormula } from "./formula.ts";
import type { Func } from "./module.ts";
import { collapse, loops, storeLanes, vectors, type Walk } from "./nest.ts";

/** Writes a formula's entries, of some shape, where a walk goes. */
export function writeMap(
  fn: Func,
  shape: readonly number[],
  formula: Formula,
  to: Walk,
  from: readonly Walk[],
): void {
  const { shape: sizes, walks } = endingSideBySide(collapse(shape, [to, ...from]));
  const inner = sizes.length - 1;
  const [out, ...own] = walks;
  const lanes = openFormula(fn, formula, own, inner);
  loops(fn, sizes, walks, 1, (body, pointers) => {
    lanes.enter(body, pointers.slice(1));
    const strides = walks.map((walk) => walk.strides[inner] ?? 0);
    vectors(
      body,
      sizes[inner] ?? 1,
      strides,
      pointers,
      2,
      (each, [at, ...reading], first, count, entries) => {
        for (let v = 0; v < count; v++) {
          const value = lanes.at(each, reading, first + v);
          storeLanes(each, at, out.place.address + 16 * (first + v), value, entries - 4 * v);
        }
      },
    );
  });
}

/** Entries are written side by side along the last axis: where they are not, there is one of length 1 after it. */
function endingSideBySide({
  shape,
  walks,
}: {
  readonly shape: readonly number[];
  readonly walks: readonly Walk[];
}) {
  if (walks[0].strides.at(-1) === 1) return { shape, walks };
  return {
    shape: [...shape, 1],
    walks: walks.map(({ place, strides }) => ({ place, strides: [...strides, 0] })),
  };
}
