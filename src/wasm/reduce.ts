import { type Code, f32x4, get, i32x4, set, v128 } from "./code.ts";
import { type Formula, openFormula } from "./formula.ts";
import { kept as keep } from "./functions.ts";
import type { Func } from "./module.ts";
import { collapse, loops, type Pointers, storeLanes, vectors, type Walk } from "./nest.ts";

/** How entries are taken together: two into one, and what changes nothing. */
export interface Folding {
  readonly join: (a: Code, b: Code) => Code;
  readonly neutral: Code;
}

export const foldings = {
  sum: { join: f32x4.add, neutral: v128.floats(0) },
  wholeSum: { join: i32x4.add, neutral: v128.words(0) },
  amax: { join: f32x4.max, neutral: v128.floats(Number.NEGATIVE_INFINITY) },
} satisfies Readonly<Record<string, Folding>>;

/** A mask of the first lanes. */
export const firstLanes = (count: number): Code =>
  v128.words(...[0, 1, 2, 3].map((lane) => (lane < count ? -1 : 0)));

/** Vectors that are summed side by side, so that none waits for the one before it. */
const abreast = 4;
const columnsAbreast = 8;

/**
 * Takes the entries of a formula, of some shape, together along the axes that the walk of the result does not move
 * along. Along the last axis, four entries at a time are summed in four lanes (and those then in order), whatever else
 * is reduced, so the result does not depend on what lies beside it.
 */
export function writeReduction(
  fn: Func,
  shape: readonly number[],
  formula: Formula,
  folding: Folding,
  to: Walk,
  from: readonly Walk[],
): void {
  const { shape: sizes, walks } = collapse(shape, [to, ...from]);
  const axes = sizes.map((_, axis) => axis);
  const kept = axes.filter((axis) => walks[0].strides[axis] !== 0);
  const gone = axes.filter((axis) => walks[0].strides[axis] === 0);
  const order = [...kept, ...gone];
  const permuted = {
    shape: order.map((axis) => sizes[axis]),
    walks: walks.map(({ place, strides }) => ({ place, strides: order.map((axis) => strides[axis]) })),
  };
  const across = kept.length > 0 && kept.at(-1) === sizes.length - 1;
  const write = across ? writeColumns : writeLines;
  write(fn, permuted, kept.length, formula, folding);
}

interface Nest {
  readonly shape: readonly number[];
  readonly walks: readonly Walk[];
}

/** Four results at a time, entries of which stand side by side. */
function writeColumns(
  fn: Func,
  { shape, walks }: Nest,
  kept: number,
  formula: Formula,
  folding: Folding,
): void {
  const inner = kept - 1;
  const [out, ...from] = walks;
  const lanes = openFormula(fn, formula, from, inner);
  const strides = walks.map((walk) => walk.strides[inner]);
  loops(fn, shape, walks, shape.length - inner, (outer, pointers) => {
    vectors(
      outer,
      shape[inner],
      strides,
      pointers,
      columnsAbreast,
      (block, at, first, count, entries) => {
        const sums = Array.from({ length: count }, () => block.local());
        for (const sum of sums) block.emit(set(sum, folding.neutral));
        loops(
          block,
          shape,
          walks,
          0,
          (each, reading) => {
            lanes.enter(each, reading.slice(1));
            sums.forEach((sum, v) => {
              const value = lanes.at(each, reading.slice(1), first + v);
              each.emit(set(sum, folding.join(get(sum), value)));
            });
          },
          at,
          kept,
        );
        sums.forEach((sum, v) => {
          storeLanes(block, at[0], out.place.address + 16 * (first + v), get(sum), entries - 4 * v);
        });
      },
      columnsAbreast,
    );
  });
}

/** One result at a time, along whose entries the last axis goes. */
function writeLines(
  fn: Func,
  { shape, walks }: Nest,
  kept: number,
  formula: Formula,
  folding: Folding,
): void {
  const inner = shape.length - 1;
  const [out, ...from] = walks;
  const lanes = openFormula(fn, formula, from, inner);
  const strides = walks.map((walk) => walk.strides[inner] ?? 0);
  const n = shape[inner] ?? 1;
  const { join, neutral } = folding;
  loops(fn, shape, walks, shape.length - kept, (outer, pointers) => {
    const sums = Array.from({ length: Math.min(abreast, Math.max(1, Math.floor(n / 4))) }, () =>
      outer.local(),
    );
    for (const sum of sums) outer.emit(set(sum, neutral));
    const line = (each: Func, reading: Pointers) => {
      lanes.enter(each, reading.slice(1));
      vectors(each, n, strides, reading, abreast, (block, at, first, count, entries) => {
        for (let v = 0; v < count; v++) {
          const all = lanes.at(block, at.slice(1), first + v);
          const own = entries - 4 * v;
          const value = own >= 4 ? all : v128.select(all, neutral, firstLanes(own));
          const sum = sums[(first + v) % sums.length];
          block.emit(set(sum, join(get(sum), value)));
        }
      });
    };
    loops(outer, shape, walks, Math.min(1, shape.length - kept), line, pointers, kept);
    const [total, ...others] = sums;
    for (const other of others) outer.emit(set(total, join(get(total), get(other))));
    outer.emit(set(total, acrossLanes(outer, join, get(total))));
    outer.emit(v128.storeLane(get(pointers[0]), get(total), 0, out.place.address));
  });
}

/** All four lanes taken together, in the first. */
export function acrossLanes(fn: Func, join: (a: Code, b: Code) => Code, given: Code): Code {
  const value = keep(fn, given);
  const halves = keep(fn, join(value, v128.shuffle(value, value, [2, 3, 0, 1])));
  return join(halves, v128.shuffle(halves, halves, [1, 0, 3, 2]));
}
