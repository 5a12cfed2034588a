import { sameShape } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import { input, make, type Node, type Tensor } from "./graph.ts";
import { asNodes, outsideOf } from "./scan/body.ts";
import { leavesOf, mapTree } from "./tree.ts";

export interface ScanOptions {
  /** Number of steps; needed only where nothing is scanned. */
  readonly length?: number;
  /** From the last slice to the first; results stand where their slices do. */
  readonly reverse?: boolean;
}

const badShape = (message: string, hint: string) => new OckhamError("bad-shape", "scan", message, hint);

/** The number of steps that the leading axes and the caller agree on. */
function stepsOf(scanned: readonly Tensor[], length: number | undefined): number {
  const sizes = new Set([...scanned.map(({ shape }) => shape[0]), ...(length === undefined ? [] : [length])]);
  const [steps] = sizes;
  if (sizes.size !== 1 || steps === undefined)
    throw badShape(
      sizes.size === 0 ? "nothing says how many steps to take" : `the steps are ${[...sizes].join(" and ")}`,
      "give every scanned tensor the same leading size, or `length` where nothing is scanned",
    );
  return steps;
}

/** Throws `bad-shape` where a step does not leave what the next is given. */
function checkCarry(before: unknown, after: unknown): void {
  const [given, left] = [leavesOf(before), leavesOf(after)];
  const say = (leaf?: { path: string; tensor: Tensor }) =>
    leaf === undefined ? "nothing" : `${leaf.path || "a tensor"} ${leaf.tensor.dtype}[${leaf.tensor.shape}]`;
  for (let i = 0; i < Math.max(given.length, left.length); i++) {
    const [a, b] = [given[i], left[i]];
    const fits =
      a?.path === b?.path && a.tensor.dtype === b.tensor.dtype && sameShape(a.tensor.shape, b.tensor.shape);
    if (!fits)
      throw badShape(
        `a step is given ${say(a)} and leaves ${say(b)}`,
        "return a carry of the structure, shapes and dtypes of the initial one",
      );
  }
}

/**
 * A loop in the graph: from `init`, each step makes the next carry and a result from the carry and a slice.
 *
 *   carry_0 = init;  [carry_t+1, y_t] = body(carry_t, xs[t])   for t = 0 ... length - 1 (from the end with `reverse`)
 *
 * Returns the last carry, and all y_t along a new leading axis. `body` is traced once; it may use tensors from around
 * it, and what does not depend on its arguments is computed once. Gradients of any order, vmap and scans within
 * scans are defined. `xs` may be an empty record, and `y` null. Throws `bad-shape` where the sizes of the scanned
 * tensors differ, for less than one step, and where the carry changes its structure, shapes or dtypes.
 */
export function scan<C, X, Y>(
  body: (carry: C, x: X) => readonly [C, Y],
  init: C,
  xs: X,
  { length, reverse = false }: ScanOptions = {},
): readonly [C, Y] {
  const started = leavesOf(init).map(({ tensor }) => tensor);
  const scanned = leavesOf(xs).map(({ tensor }) => tensor);
  const steps = stepsOf(scanned, length);
  const standIn = (name: string, shape: readonly number[], { dtype }: Tensor) => input(name, shape, dtype);
  const carry = started.map((t) => standIn("carry", t.shape, t));
  const slices = scanned.map((t) => standIn("slice", t.shape.slice(1), t));
  const placed = <T>(tree: T, tensors: readonly Tensor[]): T => {
    let next = 0;
    return mapTree(tree, () => tensors[next++]) as T;
  };
  const [left, result] = body(placed(init, carry), placed(xs, slices));
  checkCarry(init, left);
  const next = leavesOf(left).map(({ tensor }) => tensor);
  const results = leavesOf(result).map(({ tensor }) => tensor);
  const loop = makeScan({ carry, slices, next, results }, started, scanned, steps, reverse);
  return [
    placed(
      left,
      next.map((_, index) => make("last", [loop], { index })),
    ),
    placed(
      result,
      asNodes(results).map((of) => make("stacked", [loop], { of })),
    ),
  ];
}

/** A traced step. */
interface Traced {
  readonly carry: readonly Tensor[];
  readonly slices: readonly Tensor[];
  readonly next: readonly Tensor[];
  /** What else of the step is read. */
  readonly results: readonly Tensor[];
}

/** The scan of a traced step; `renamed` has what certain of its tensors stand for. */
export function makeScan(
  { carry, slices, next, results }: Traced,
  started: readonly Tensor[],
  scanned: readonly Tensor[],
  length: number,
  reverse: boolean,
  renamed?: ReadonlyMap<Node, Tensor>,
): Node<"scan"> {
  const wanted = asNodes([...next, ...results]);
  const { names, tensors } = outsideOf(wanted, asNodes([...carry, ...slices]), renamed);
  const body = {
    carry: asNodes(carry),
    slices: asNodes(slices),
    outside: names,
    next: asNodes(next),
  };
  return make("scan", [...started, ...scanned, ...tensors], { body, length, reverse });
}
