import { sameShape } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import { batchGraph } from "./batching.ts";
import { add, mul } from "./elementwise.ts";
import { pullBack } from "./gradients.ts";
import { type AnyNode, ancestors, make, type Node, nodeOf, type Pullback, type Tensor } from "./graph.ts";
import { sum } from "./reductions.ts";
import { type Reading, scanOf } from "./scan/body.ts";
import { type Cotangents, pullBackScan, type Seeded } from "./scan/gradient.ts";
import { isFloat } from "./shapes.ts";
import { alias, fill, zerosLike } from "./shaping.ts";
import { leavesOf, mapTree, type Tree } from "./tree.ts";

/**
 * The gradients of `outputs`, weighted by `seeds`, in each of `wrt`; zeros where there is no dependence.
 * The results are ordinary graphs and can be differentiated again.
 */
export const vjp = (outputs: readonly Tensor[], seeds: readonly Tensor[], wrt: readonly Tensor[]): Tensor[] =>
  cotangents(outputs, seeds, wrt).map((g, i) => g ?? zerosLike(wrt[i]));

/** As `vjp`, with null where there is no dependence. */
const cotangents: Cotangents = (outputs, seeds, wrt) => {
  const targets = new Set(wrt.map(nodeOf));
  const order = ancestors(outputs, (node) => targets.has(node));
  const active = new Set<AnyNode>();
  for (const node of order)
    if (targets.has(node) || (isFloat(node.dtype) && node.inputs.some((i) => active.has(i as AnyNode))))
      active.add(node);
  const gradients = new Map<AnyNode, Tensor>();
  const seeded = new Map<Node, Seeded[]>();
  const accumulate = (node: AnyNode, g: Tensor) => {
    const before = gradients.get(node);
    gradients.set(node, before === undefined ? g : add(before, g));
  };
  outputs.forEach((output, i) => {
    if (active.has(nodeOf(output))) accumulate(nodeOf(output), seeds[i]);
  });
  const pulledBack = (node: AnyNode): readonly (Tensor | null)[] => {
    const g = gradients.get(node);
    const scan = scanOf(node as Node);
    if (node.op === "scan") {
      const own = seeded.get(node as Node);
      return own === undefined ? [] : pullBackScan(node, own, cotangents);
    }
    if (g === undefined) return [];
    if (scan === undefined) return pullBack(g, node);
    seeded.set(scan as Node, [
      ...(seeded.get(scan as Node) ?? []),
      { reading: node as Reading, gradient: g },
    ]);
    return [];
  };
  for (const node of order.reverse()) {
    if (targets.has(node)) continue;
    pulledBack(node).forEach((part, i) => {
      const input = node.inputs[i] as AnyNode;
      if (part !== null && active.has(input)) accumulate(input, part);
    });
  }
  return wrt.map((t) => gradients.get(nodeOf(t)) ?? null);
};

function scalarOnly(value: Tensor): void {
  if (value.shape.length !== 0 || !isFloat(value.dtype))
    throw new OckhamError(
      "bad-shape",
      "grad",
      `the function to differentiate returned ${value.dtype}[${value.shape}], not one float`,
      "reduce it with sum or mean",
    );
}

/** The value of `f` and its gradient in all tensors of the argument. Throws `bad-shape` unless `f` returns a scalar. */
export function valueAndGrad<T>(
  f: (x: T) => Tensor,
): (x: T) => { readonly value: Tensor; readonly gradient: T } {
  return (x) => {
    const fresh: Tensor[] = [];
    const own = mapTree(x, (t) => {
      const copy = alias(t);
      fresh.push(copy);
      return copy;
    }) as T;
    const value = f(own);
    scalarOnly(value);
    const gradients = vjp([value], [fill([], 1, value.dtype)], fresh);
    let next = 0;
    return { value, gradient: mapTree(x, () => gradients[next++]) as T };
  };
}

/** The gradient of a scalar function in all tensors of its argument. */
export const grad =
  <T>(f: (x: T) => Tensor): ((x: T) => T) =>
  (x) =>
    valueAndGrad(f)(x).gradient;

/**
 * The derivative of `f` at x along v: J v, beside f(x). As the transpose of the transpose: u -> J^T u is
 * linear in u, so its own transpose applied to v is J v, and the numbers in u never matter.
 */
export function jvp<X, Y>(f: (x: X) => Y): (x: X, v: X) => { readonly value: Y; readonly derivative: Y } {
  return (x, v) => {
    const fresh: Tensor[] = [];
    const own = mapTree(x, (t) => {
      const copy = alias(t);
      fresh.push(copy);
      return copy;
    }) as X;
    const value = f(own);
    const outputs = leavesOf(value).map((leaf) => leaf.tensor);
    const dummies = outputs.map((t) => alias(zerosLike(t)));
    const transposed = vjp(outputs, dummies, fresh);
    const derivatives = vjp(
      transposed,
      leavesOf(v).map((leaf) => leaf.tensor),
      dummies,
    );
    let next = 0;
    return { value, derivative: mapTree(value, () => derivatives[next++]) as Y };
  };
}

/** The Hessian of a scalar function at x times v, as the gradient of grad f . v. */
export const hvp =
  <T>(f: (x: T) => Tensor): ((x: T, v: T) => T) =>
  (x, v) => {
    const direction = leavesOf(v).map((leaf) => leaf.tensor);
    return grad<T>((at) =>
      leavesOf(grad(f)(at))
        .map(({ tensor }, i) => sum(mul(tensor, direction[i])))
        .reduce(add),
    )(x);
  };

/**
 * `f` for every member of the leading axis of all tensors in its arguments, as one graph; results get the
 * leading axis too. Throws `bad-shape` when the leading sizes differ.
 */
export function vmap<A extends readonly Tree<Tensor>[], R>(f: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    const leaves = leavesOf(args).map((leaf) => leaf.tensor);
    const size = leaves[0]?.shape[0];
    if (size === undefined || leaves.some((t) => t.shape[0] !== size))
      throw new OckhamError(
        "bad-shape",
        "vmap",
        `the mapped arguments have shapes ${leaves.map((t) => `[${t.shape}]`).join(", ")}`,
        "give every tensor the same leading size",
      );
    let result: R | undefined;
    const flat = batchGraph((members) => {
      let next = 0;
      result = f(...(mapTree(args, () => members[next++]) as unknown as A));
      return leavesOf(result).map((leaf) => leaf.tensor);
    }, leaves);
    let next = 0;
    return mapTree(result as R, () => flat[next++] as Tensor) as R;
  };
}

/**
 * `f` with a gradient rule of its own. `pullback(g, args, result)` returns a gradient of each argument's
 * shape (or null); it is an ordinary function of tensors and can be differentiated again.
 */
export function customGradient<A extends readonly Tensor[]>(
  f: (...args: A) => Tensor,
  pullback: Pullback,
): (...args: A) => Tensor {
  const checked: Pullback = (g, args, result) => {
    const parts = pullback(g, args, result);
    parts.forEach((part, i) => {
      if (part !== null && !sameShape(part.shape, args[i].shape))
        throw new OckhamError(
          "bad-shape",
          "customGradient",
          `the gradient of argument ${i} has shape [${part.shape}], the argument [${args[i].shape}]`,
          "return gradients of the arguments' shapes",
        );
    });
    return parts;
  };
  return (...args) => make("custom", [f(...args), ...args], { pullback: checked });
}
