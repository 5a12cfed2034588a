import { add } from "../elementwise.ts";
import { ancestors, input, make, type Node, nodeOf, type Primitive, type Tensor } from "../graph.ts";
import { matmul } from "../products.ts";
import { makeScan } from "../scan.ts";
import { isFloat } from "../shapes.ts";
import { reshape, zerosLike } from "../shaping.ts";
import { asNodes, givenTo, type Reading, readOf, scanOf, standInsOf, varying } from "./body.ts";

/** The gradients of `outputs`, weighted by `seeds`, in each of `wrt`; null where there is no dependence. */
export type Cotangents = (
  outputs: readonly Tensor[],
  seeds: readonly Tensor[],
  wrt: readonly Tensor[],
) => (Tensor | null)[];

/** What reads a scan, with the gradient in it. */
export interface Seeded {
  readonly reading: Reading;
  readonly gradient: Tensor;
}

/** What is cheaper made again than kept for all steps. */
const remade: ReadonlySet<Primitive> = new Set<Primitive>([
  "alias",
  "stop",
  "reshape",
  "broadcast",
  "transpose",
]);

/**
 * The gradients of a scan's inputs (null: none): a scan the other way. It carries the gradients in what was carried,
 * and the sums over the steps of those in what is the same for all, but for products, which are summed after it as one; what
 * it needs of the steps is read off the scan.
 */
export function pullBackScan(
  loop: Node<"scan">,
  seeded: readonly Seeded[],
  cotangents: Cotangents,
): (Tensor | null)[] {
  const { body, length, reverse } = loop.attributes;
  const given = givenTo(loop);
  const step = backwardStep(loop, seeded, cotangents);
  const { ofCarry, ofSlices, ofOutside } = step;
  const products = ofOutside.map(productOf);
  const summed = body.outside.map((t, i) =>
    ofOutside[i] === null || products[i] !== null ? null : input("sum", t.shape, t.dtype),
  );
  const sums = summed.flatMap((sum, i) =>
    sum === null ? [] : [{ sum, next: add(sum, ofOutside[i] as Tensor) }],
  );
  const next = [
    ...step.carried.map(({ index, seed }) => ofCarry[index] ?? zerosLike(seed)),
    ...sums.map((s) => s.next),
  ];
  const results = [...ofSlices, ...products.flatMap((factors) => factors ?? [])].filter((t) => t !== null);
  const kept = keptOf(loop, [...next, ...results], readOfAll(seeded, loop));
  const slices = [
    ...step.stacked.map(({ seed, gradient }) => ({ slice: seed, all: gradient })),
    ...kept.map((slice) => ({ slice, all: stackOf(loop, slice) })),
  ];
  const backward = makeScan(
    {
      carry: [...step.carried.map(({ seed }) => seed), ...sums.map(({ sum }) => sum)],
      slices: slices.map(({ slice }) => slice),
      next,
      results,
    },
    [...step.carried.map(({ gradient }) => gradient), ...sums.map(({ sum }) => zerosLike(sum))],
    slices.map(({ all }) => all),
    length,
    !reverse,
    new Map(body.outside.flatMap((name, i) => (name === given.outside[i] ? [] : [[name, given.outside[i]]]))),
  );
  const last = (index: number) => make("last", [backward], { index });
  let [carried, at] = [0, step.carried.length];
  return [
    ...body.carry.map((_, i) => (step.carried[carried]?.index === i ? last(carried++) : null)),
    ...ofSlices.map((t) => (t === null ? null : stackOf(backward, t))),
    ...summed.map((sum, i) => {
      const factors = products[i];
      if (factors === null) return sum === null ? null : last(at++);
      const [a, b] = factors.map((t) => reshape(stackOf(backward, t), [-1, t.shape[1]]));
      return matmul(a, b, { transposeA: true });
    }),
  ];
}

/** The factors of a^T b, where a gradient is that: the sum of it over the steps is one product of all their rows. */
function productOf(gradient: Tensor | null): readonly [Tensor, Tensor] | null {
  const node = gradient === null ? null : nodeOf(gradient);
  if (node?.op !== "matmul" || node.inputs.some(({ shape }) => shape.length > 2)) return null;
  const { transposeA, transposeB } = node.attributes;
  return transposeA && !transposeB ? [node.inputs[0], node.inputs[1]] : null;
}

const readOfAll = (seeded: readonly Seeded[], { attributes: { body } }: Node<"scan">): Node[] =>
  seeded.map(({ reading }) => readOf(reading, body));

/** A tensor of a body at all steps: of a slice, what was scanned. */
function stackOf(loop: Node<"scan">, of: Tensor): Tensor {
  const slice = loop.attributes.body.slices.indexOf(of as Node);
  return slice < 0 ? make("stacked", [loop], { of: of as Node }) : givenTo(loop).slices[slice];
}

/** The gradients of one step in what it is given, from the gradients in what it leaves. */
function backwardStep(loop: Node<"scan">, seeded: readonly Seeded[], cotangents: Cotangents) {
  const { body } = loop.attributes;
  const ends = new Map<number, Tensor>();
  const stacked: { of: Node; seed: Tensor; gradient: Tensor }[] = [];
  for (const { reading, gradient } of seeded)
    if (reading.op === "last") {
      const { index } = (reading as Node<"last">).attributes;
      const before = ends.get(index);
      ends.set(index, before === undefined ? gradient : add(before, gradient));
    } else {
      const { of } = (reading as Node<"stacked">).attributes;
      stacked.push({ of, seed: input("cotangent", of.shape, of.dtype), gradient });
    }
  const seeds = body.carry.map((t) => (isFloat(t.dtype) ? input("cotangent", t.shape, t.dtype) : null));
  const reached = new Set(ends.keys());
  const carriedOf = () =>
    seeds.flatMap((seed, index) =>
      seed === null || !reached.has(index)
        ? []
        : [{ index, seed, gradient: ends.get(index) ?? zerosLike(seed) }],
    );
  const count = body.carry.length;
  const places = standInsOf(body);
  for (;;) {
    const carried = carriedOf();
    const parts = cotangents(
      [...carried.map(({ index }) => body.next[index]), ...stacked.map(({ of }) => of)],
      [...carried, ...stacked].map(({ seed }) => seed),
      places,
    );
    const before = reached.size;
    parts.slice(0, count).forEach((part, i) => {
      if (part !== null) reached.add(i);
    });
    if (reached.size > before) continue;
    const [ofCarry, rest] = [parts.slice(0, count), parts.slice(count)];
    const ofSlices = rest.slice(0, body.slices.length);
    return { carried, stacked, ofCarry, ofSlices, ofOutside: rest.slice(body.slices.length) };
  }
}

/** What the gradients of a step need of the step itself, and differs from step to step. */
function keptOf(loop: Node<"scan">, results: readonly Tensor[], read: readonly Node[]): Node[] {
  const { body } = loop.attributes;
  const own = varying(body, [...body.next, ...read]);
  const places = new Set(standInsOf(body));
  // what reads a scan within the step may be new, but is of the step as much as that scan is
  const ofStep = (node: Node) => own.has(node) || own.has(scanOf(node) as Node);
  const stops = (node: Node) => places.has(node) || (ofStep(node) && !remade.has(node.op));
  const order = ancestors(results, (node) => stops(node as Node));
  const outside = new Set(body.outside);
  return asNodes(order).filter((node) => stops(node) && !outside.has(node));
}
