import fc from "fast-check";
import { stream } from "../../src/array/random.ts";
import {
  add,
  div,
  flatten,
  iota,
  matmul,
  mul,
  reshape,
  scan,
  sin,
  square,
  stack,
  sub,
  sum,
  type Tensor,
  tanh,
  window,
} from "../../src/tensor/index.ts";

/** What a step carries: a matrix and a number. */
export interface Carry {
  readonly m: Tensor;
  readonly s: Tensor;
}

/** A random loop: its steps use what is carried, a slice, and tensors from around it. */
export interface Program {
  readonly shapes: readonly (readonly number[])[];
  readonly length: number;
  readonly reverse: boolean;
  step(carry: Carry, x: Tensor, outside: readonly Tensor[]): readonly [Carry, Tensor];
}

type Operation = (a: Tensor, b: Tensor, w: Tensor, s: Tensor) => Tensor;
const operations: readonly Operation[] = [
  (a, b) => add(a, b),
  (a, b) => mul(tanh(a), b),
  (a, _, w) => tanh(matmul(a, w)),
  (a, _, w) => mul(0.3, matmul(a, matmul(w, w, { transposeB: true }))),
  (a, b) => div(a, add(1, square(b))),
  (a, _, __, s) => mul(sin(s), a),
  (a, b) => sub(a, sum(b, { axes: [0], keep: true })),
  (a, _, w, s) =>
    scan((c: Tensor, row: Tensor) => [tanh(add(mul(c, row), s)), null] as const, a, matmul(w, w))[0],
];

/** Random loops of one to four steps, of matrices [rows, columns]. */
export const programs: fc.Arbitrary<Program> = fc
  .record({
    rows: fc.integer({ min: 1, max: 3 }),
    columns: fc.integer({ min: 1, max: 3 }),
    length: fc.integer({ min: 1, max: 4 }),
    reverse: fc.boolean(),
    chosen: fc.array(fc.nat(operations.length - 1), { minLength: 1, maxLength: 4 }),
    picks: fc.nat(1e6),
  })
  .map(({ rows, columns, length, reverse, chosen, picks }) => ({
    shapes: [[rows, columns], [], [length, rows, columns], [columns, columns]],
    length,
    reverse,
    step: (carry, x, [w]) => {
      const drawn = stream([picks, 3]).integers(1e6, 2 * chosen.length + 2).data;
      const pool = [carry.m, x];
      chosen.forEach((which, i) => {
        const [a, b] = [drawn[2 * i], drawn[2 * i + 1]].map((n) => pool[Number(n) % pool.length]);
        pool.push(operations[which](a, b, w, carry.s));
      });
      const m = pool[pool.length - 1];
      const y = pool[Number(drawn[2 * chosen.length]) % pool.length];
      return [{ m: tanh(m), s: tanh(add(mul(carry.s, 0.5), sum(mul(0.1, m)))) }, mul(y, carry.s)];
    },
  }));

/** The last carry and all results, as one loop of the graph. */
export function looped(program: Program, [m, s, xs, w]: readonly Tensor[]): readonly Tensor[] {
  const { reverse } = program;
  const [last, all] = scan((c: Carry, x: Tensor) => program.step(c, x, [w]), { m, s }, xs, { reverse });
  return [last.m, last.s, all];
}

/** The same, step by step. */
export function unrolled(program: Program, [m, s, xs, w]: readonly Tensor[]): readonly Tensor[] {
  const { length, reverse } = program;
  const slices = rowsOf(xs);
  let carry: Carry = { m, s };
  const all: Tensor[] = [];
  for (let t = 0; t < length; t++) {
    const at = reverse ? length - 1 - t : t;
    const [next, y] = program.step(carry, slices[at], [w]);
    carry = next;
    all[at] = y;
  }
  return [carry.m, carry.s, stack(all)];
}

const rowsOf = (xs: Tensor): Tensor[] =>
  Array.from({ length: xs.shape[0] }, (_, t) => {
    const starts = xs.shape.map((_, i) => (i === 0 ? t : 0));
    return reshape(window(xs, starts, [1, ...xs.shape.slice(1)]), xs.shape.slice(1));
  });

/** One number of all results, with fixed weights, so that no entry's gradient is lost. */
export const summary = (results: readonly Tensor[]): Tensor =>
  results
    .map((t, i) => {
      const flat = flatten(t);
      return sum(mul(flat, add(0.5, sin(mul(iota(flat.shape[0], "float32"), i + 1.3)))));
    })
    .reduce(add);
