import { sizeOf } from "../array/ndarray.ts";
import { mul } from "./elementwise.ts";
import type { Tensor } from "./graph.ts";
import { misplaced } from "./misplaced.ts";
import { matmul } from "./products.ts";
import { sum } from "./reductions.ts";
import { broadcast, moveAxis, reshape, slice, transpose } from "./shaping.ts";

/** An operand whose axes are named, each name once. */
interface Named {
  readonly tensor: Tensor;
  readonly names: readonly string[];
}

interface Subscripts {
  readonly operands: readonly (readonly string[])[];
  readonly result: readonly string[];
}

/**
 * Sums of products by Einstein's convention, as NumPy's einsum: "ij,jk->ik" names the axes of each operand and of the
 * result; names that the result does not have are summed over. Without "->" the result has the names that occur once,
 * in alphabetical order. A name twice in an operand takes the diagonal; "..." stands for any axes, which broadcast; an
 * axis of size 1 broadcasts under every name. Written with transposes, products of matrices and sums; several operands
 * are contracted in pairs, in the order of fewest multiplications. Throws `bad-shape`.
 */
export function einsum(subscripts: string, ...operands: readonly Tensor[]): Tensor {
  const { operands: lists, result } = parse(subscripts, operands);
  const sizes = sizesOf(subscripts, lists, operands);
  const parts = operands.map((tensor, i) => squeezed(diagonals({ tensor, names: lists[i] }), sizes));
  const missing = result.find((name) => !sizes.has(name));
  if (missing !== undefined || new Set(result).size < result.length)
    throw refused(subscripts, `the result's axes [${result}] must be different names of the operands' axes`);
  const whole = inPairs(parts, result, sizes);
  const kept = result.filter((name) => whole.names.includes(name));
  const ordered = arranged(summed(whole, new Set(result)), kept);
  const shape = result.map((name) => (kept.includes(name) ? (sizes.get(name) as number) : 1));
  return broadcast(
    reshape(ordered, shape),
    result.map((name) => sizes.get(name) as number),
  );
}

const refused = (subscripts: string, why: string) =>
  misplaced("einsum", `"${subscripts}": ${why}`, 'write it as in "ij,jk->ik"');

/** Names of all axes. Those that "..." stands for are called "0", "1", ..., counted from the last. */
function parse(subscripts: string, tensors: readonly Tensor[]): Subscripts {
  const [left, right, more] = subscripts.replaceAll(" ", "").split("->");
  const texts = left.split(",");
  if (texts.length !== tensors.length || more !== undefined)
    throw refused(subscripts, `it names ${texts.length} operands, and ${tensors.length} are given`);
  const extra = texts.map((text, i) => tensors[i].shape.length - text.replace("...", "").length);
  const most = Math.max(0, ...texts.map((text, i) => (text.includes("...") ? extra[i] : 0)));
  const namesOf = (text: string, count: number): string[] => {
    if (!/^[a-zA-Z]*(\.\.\.)?[a-zA-Z]*$/.test(text)) throw refused(subscripts, `"${text}" are no axes`);
    const [before, after] = text.split("...");
    const between = Array.from({ length: after === undefined ? 0 : count }, (_, i) => `${count - 1 - i}`);
    return [...before, ...between, ...(after ?? "")];
  };
  texts.forEach((text, i) => {
    if (text.includes("...") ? extra[i] < 0 : extra[i] !== 0)
      throw refused(subscripts, `"${text}" does not name the axes of [${tensors[i].shape}]`);
  });
  const operands = texts.map((text, i) => namesOf(text, extra[i]));
  if (right !== undefined) return { operands, result: namesOf(right, most) };
  const letters = operands.flat().filter((name) => /\D/.test(name));
  const once = letters.filter((name) => letters.indexOf(name) === letters.lastIndexOf(name));
  return { operands, result: [...namesOf("...", most), ...once.sort()] };
}

function sizesOf(
  subscripts: string,
  lists: readonly (readonly string[])[],
  tensors: readonly Tensor[],
): Map<string, number> {
  const sizes = new Map<string, number>();
  lists.forEach((names, i) => {
    names.forEach((name, axis) => {
      const [n, before] = [tensors[i].shape[axis], sizes.get(name) ?? 1];
      if (n !== before && n !== 1 && before !== 1)
        throw refused(subscripts, `axis ${name} has size ${before} and size ${n}`);
      sizes.set(name, Math.max(n, before));
    });
  });
  return sizes;
}

/** Takes the diagonal of axes that share a name, which comes to stand last: [..., n, n] as [..., n n], every (n + 1)th. */
function diagonals({ tensor, names }: Named): Named {
  const twice = names.find((name, axis) => names.indexOf(name) < axis);
  if (twice === undefined) return { tensor, names };
  const [first, second] = names.flatMap((name, axis) => (name === twice ? [axis] : []));
  const [n, m] = [tensor.shape[first], tensor.shape[second]];
  const rest = names.filter((_, axis) => axis !== first && axis !== second);
  const lead = tensor.shape.filter((_, axis) => axis !== first && axis !== second);
  const last = moveAxis(moveAxis(tensor, second, -1), first, -2);
  const along =
    n === m ? slice(reshape(last, [...lead, n * n]), -1, 0, n * n, n + 1) : reshape(last, [...lead, n * m]);
  return diagonals({ tensor: along, names: [...rest, twice] });
}

/** Without the axes of size 1 that others of the same name broadcast, and without those that are 1 for all. */
function squeezed({ tensor, names }: Named, sizes: ReadonlyMap<string, number>): Named {
  const stays = (axis: number) => tensor.shape[axis] === sizes.get(names[axis]) && tensor.shape[axis] !== 1;
  return {
    tensor: reshape(
      tensor,
      tensor.shape.filter((_, axis) => stays(axis)),
    ),
    names: names.filter((_, axis) => stays(axis)),
  };
}

/** Sums over the axes that are not needed. */
function summed({ tensor, names }: Named, needed: ReadonlySet<string>): Named {
  const axes = names.flatMap((name, axis) => (needed.has(name) ? [] : [axis]));
  return { tensor: sum(tensor, { axes }), names: names.filter((name) => needed.has(name)) };
}

const arranged = ({ tensor, names }: Named, order: readonly string[]): Tensor =>
  transpose(
    tensor,
    order.map((name) => names.indexOf(name)),
  );

/** Up to as many operands all orders are weighed; above, the cheapest pair goes first. */
const weighed = 7;

function inPairs(
  parts: readonly Named[],
  result: readonly string[],
  sizes: ReadonlyMap<string, number>,
): Named {
  const left = [...parts];
  const others = (...gone: readonly number[]) =>
    new Set([...result, ...left.flatMap(({ names }, i) => (gone.includes(i) ? [] : names))]);
  const join = (i: number, j: number) => {
    const joined = contract(left[i], left[j], others(i, j));
    left.splice(j, 1);
    left.splice(i, 1);
    left.push(joined);
  };
  left.forEach((part, i) => {
    left[i] = summed(part, others(i));
  });
  while (left.length > weighed) join(...cheapestPair(left, sizes));
  const plan = (at: Plan): Named => {
    if (typeof at === "number") return left[at];
    const inside = new Set(leavesOf(at));
    const needed = new Set([...result, ...left.flatMap(({ names }, i) => (inside.has(i) ? [] : names))]);
    return contract(plan(at[0]), plan(at[1]), needed);
  };
  return plan(bestPlan(left, result, sizes));
}

const costOf = (names: Iterable<string>, sizes: ReadonlyMap<string, number>): number =>
  sizeOf([...new Set(names)].map((name) => sizes.get(name) as number));

function cheapestPair(parts: readonly Named[], sizes: ReadonlyMap<string, number>): [number, number] {
  let best: [number, number] = [0, 1];
  let least = Number.POSITIVE_INFINITY;
  for (let j = 1; j < parts.length; j++)
    for (let i = 0; i < j; i++) {
      const cost = costOf([...parts[i].names, ...parts[j].names], sizes);
      if (cost < least) [best, least] = [[i, j], cost];
    }
  return best;
}

/** An operand by its number, or the product of two plans. */
type Plan = number | readonly [Plan, Plan];

const leavesOf = (plan: Plan): number[] => (typeof plan === "number" ? [plan] : plan.flatMap(leavesOf));

/** The pairing of fewest multiplications, by the best pairings of all subsets (as bits), smaller ones first. */
function bestPlan(
  parts: readonly Named[],
  result: readonly string[],
  sizes: ReadonlyMap<string, number>,
): Plan {
  const all = 2 ** parts.length - 1;
  const namesIn = (subset: number) =>
    new Set(parts.flatMap(({ names }, i) => ((subset >> i) & 1 ? names : [])));
  const outside = Array.from(
    { length: all + 1 },
    (_, subset) => new Set([...namesIn(all & ~subset), ...result]),
  );
  /** What is left of the names of a subset once it is contracted. */
  const left = outside.map((needed, subset) => [...namesIn(subset)].filter((name) => needed.has(name)));
  const best: { plan: Plan; cost: number }[] = [];
  parts.forEach((_, i) => {
    best[1 << i] = { plan: i, cost: 0 };
  });
  for (let subset = 1; subset <= all; subset++)
    for (let a = (subset - 1) & subset; a > 0; a = (a - 1) & subset) {
      const b = subset & ~a;
      if (a < b) continue;
      const cost = best[a].cost + best[b].cost + costOf([...left[a], ...left[b]], sizes);
      if (best[subset] === undefined || cost < best[subset].cost)
        best[subset] = { plan: [best[b].plan, best[a].plan], cost };
    }
  return best[all].plan;
}

/**
 * The product of two operands, summed over what neither the result nor others need: as one product of matrices
 * [batch, m, k] and [batch, k, n], or entry by entry where nothing is summed or each has no axis of its own.
 */
function contract(a: Named, b: Named, needed: ReadonlySet<string>): Named {
  const both = a.names.filter((name) => b.names.includes(name));
  const batch = both.filter((name) => needed.has(name));
  const inner = both.filter((name) => !needed.has(name));
  const [ownA, ownB] = [a, b].map(({ names }) => names.filter((name) => !both.includes(name)));
  const names = [...batch, ...ownA, ...ownB];
  const size = (part: Named, list: readonly string[]) =>
    list.map((name) => part.tensor.shape[part.names.indexOf(name)]);
  const lead = size(a, batch);
  if (inner.length === 0 || ownA.length + ownB.length === 0) {
    const left = reshape(arranged(a, [...batch, ...ownA, ...inner]), [
      ...lead,
      ...size(a, ownA),
      ...ownB.map(() => 1),
      ...size(a, inner),
    ]);
    const right = reshape(arranged(b, [...batch, ...ownB, ...inner]), [
      ...lead,
      ...ownA.map(() => 1),
      ...size(b, ownB),
      ...size(a, inner),
    ]);
    return summed({ tensor: mul(left, right), names: [...names, ...inner] }, needed);
  }
  const [m, k, n] = [size(a, ownA), size(a, inner), size(b, ownB)].map(sizeOf);
  const stacks = batch.length === 0 ? [] : [sizeOf(lead)];
  const left = asMatrices(a, batch, ownA, inner);
  const right = asMatrices(b, batch, inner, ownB);
  const product = matmul(
    reshape(left.tensor, [...stacks, ...(left.turned ? [k, m] : [m, k])]),
    reshape(right.tensor, [...stacks, ...(right.turned ? [n, k] : [k, n])]),
    { transposeA: left.turned, transposeB: right.turned },
  );
  return { tensor: reshape(product, [...lead, ...size(a, ownA), ...size(b, ownB)]), names };
}

/** Axes in the order batch, rows, columns; `turned`: columns before rows, where they stand so already. */
function asMatrices(
  part: Named,
  batch: readonly string[],
  rows: readonly string[],
  columns: readonly string[],
): { readonly tensor: Tensor; readonly turned: boolean } {
  const other = [...batch, ...columns, ...rows];
  const turned = rows.length > 0 && columns.length > 0 && other.every((name, i) => name === part.names[i]);
  return { tensor: arranged(part, turned ? other : [...batch, ...rows, ...columns]), turned };
}
