import { sizeOf, zeros } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { AnyNode, Tensor } from "../tensor/graph.ts";
import {
  assemble,
  emptyWritten,
  infoOf,
  type Lowered,
  namePorts,
  type Port,
  type Ports,
  portsOf,
  publish,
  type Written,
  writeNodes,
} from "./assemble.ts";
import { contentTable } from "./content.ts";
import { type Hoisted, hoist } from "./hoist.ts";
import { lowerNode } from "./lowering.ts";
import { optimize } from "./optimize.ts";
import { pack } from "./pack.ts";
import type { GraphProto } from "./proto.ts";
import { cast, type Emitter, ints, number, reshape } from "./rules/rule.ts";
import { freshNames, openScope, type Scope } from "./scope.ts";

/** A step to lower into a loop. */
export interface LoopSpec {
  /** Steps a run; the leading axis of the scanned inputs decides at each run unless told. */
  readonly length?: number;
  /** What is carried: the placeholder a step reads, and the value it leaves for the next. */
  readonly state: Readonly<Record<string, { readonly from: Tensor; readonly to: Tensor }>>;
  /** Placeholders of one step, whose graph inputs have a leading axis of steps. */
  readonly scanned: Readonly<Record<string, Tensor>>;
  /** Placeholders that are the same for all steps. */
  readonly shared: Readonly<Record<string, Tensor>>;
  /** Values of one step, stacked along a new leading axis. */
  readonly collected: Readonly<Record<string, Tensor>>;
  /** Whether several threads may run it; false unless told, when `Lowered.parallel` has that form where it differs. */
  readonly parallel?: boolean;
}

/** A node of a step and the port of the whole graph that it stands behind. */
export interface Slot {
  readonly node: AnyNode;
  readonly port: Port;
}

/** Carried values kept in one vector, and the slots of the arrays in it. */
export interface Vector {
  readonly from: AnyNode;
  readonly to: AnyNode;
  readonly parts: readonly { readonly from: Slot; readonly to: Slot }[];
}

/** A rewritten step with its ports. */
export interface Step {
  readonly ports: Ports;
  readonly nodes: readonly AnyNode[];
  readonly vectors: readonly Vector[];
  readonly carried: readonly { readonly from: Slot; readonly to: Slot }[];
  readonly scanned: readonly Slot[];
  readonly shared: readonly Slot[];
  readonly collected: readonly Slot[];
  readonly parallel: boolean;
}

const nodesOf = (slots: readonly Slot[]) => slots.map(({ node }) => node);
const portsIn = (slots: readonly Slot[]) => slots.map(({ port }) => port);

/**
 * An ONNX graph that runs a step many times over (an ONNX Scan): `state` is fed back from step to step, `scanned`
 * inputs give each step its slice, `collected` values are stacked. What depends on neither state nor scanned inputs is
 * computed once a run. With `length: 1` the graph has the same inputs and outputs and no loop.
 * Throws what `lower` throws, and `bad-option` when nothing decides the number of steps.
 */
export function lowerLoop(spec: LoopSpec): Lowered {
  if (spec.length === undefined && Object.keys(spec.scanned).length === 0)
    throw new OckhamError(
      "bad-option",
      "length",
      "a loop without scanned inputs needs its number of steps",
      "give `length`",
    );
  const step = rewrittenStep(spec);
  const written = emptyWritten();
  for (const { node, port } of [...step.carried.map(({ from }) => from), ...step.shared])
    written.names.set(node, port.value);
  const parallel = () => lowerLoop({ ...spec, parallel: true });
  return spec.length === 1 ? singleStep(step, written, parallel) : scan(step, written, spec.length, parallel);
}

/** The step's graph rewritten, with its ports; `packing` keeps state that is updated alike in vectors. */
export function rewrittenStep(spec: LoopSpec, packing = spec.length !== 1): Step {
  const lead = [spec.length ?? -1];
  const from = Object.fromEntries(Object.entries(spec.state).map(([name, s]) => [name, s.from]));
  const to = Object.fromEntries(Object.entries(spec.state).map(([name, s]) => [name, s.to]));
  const ports = namePorts(
    [...portsOf(from), ...portsOf(spec.scanned, lead), ...portsOf(spec.shared)],
    [...portsOf(to), ...portsOf(spec.collected, lead)],
  );
  const leaves = [from, spec.scanned, spec.shared].flatMap((record) => Object.values(record));
  const results = [...Object.values(to), ...Object.values(spec.collected)];
  const { nodes, of, packs } = rewrittenNodes(Object.values(spec.state), results, leaves, packing);
  const slots = (record: Readonly<Record<string, Tensor>>, ports: readonly Port[], start: number): Slot[] =>
    Object.values(record).map((tensor, i) => ({ node: of(tensor), port: ports[start + i] }));
  const states = Object.keys(from).length;
  const left = slots(to, ports.outputs, 0);
  const carried = slots(from, ports.inputs, 0).map((slot, i) => ({ from: slot, to: left[i] }));
  const packed = new Set(packs.flatMap(({ members }) => members));
  return {
    ports,
    parallel: spec.parallel ?? false,
    nodes,
    vectors: packs.map((p) => ({ from: p.from, to: p.to, parts: p.members.map((i) => carried[i]) })),
    carried: carried.filter((_, i) => !packed.has(i)),
    scanned: slots(spec.scanned, ports.inputs, states),
    shared: slots(spec.shared, ports.inputs, states + Object.keys(spec.scanned).length),
    collected: slots(spec.collected, ports.outputs, states),
  };
}

/** The graph of a step, rewritten, with the state that is updated alike in vectors where it is to be. */
function rewrittenNodes(
  state: readonly { readonly from: Tensor; readonly to: Tensor }[],
  results: readonly Tensor[],
  leaves: readonly Tensor[],
  packing: boolean,
) {
  const plain = optimize(results, leaves);
  const carried = state.map(({ from, to }) => ({ from: plain.of(from), to: plain.of(to) }));
  const packed = packing ? pack(carried, results.map(plain.of)) : null;
  if (packed === null) return { ...plain, packs: [] };
  const members = new Set(packed.packs.flatMap((p) => p.members));
  const kept = results.filter((_, i) => !members.has(i)).map((result) => packed.of(plain.of(result)));
  const again = optimize(
    [...kept, ...packed.packs.map(({ to }) => to)],
    [...leaves.map(plain.of), ...packed.packs.map(({ from }) => from)],
  );
  return {
    nodes: again.nodes,
    of: (tensor: Tensor) => again.of(packed.of(plain.of(tensor))),
    packs: packed.packs.map((p) => ({ ...p, from: again.of(p.from), to: again.of(p.to) })),
  };
}

function singleStep(
  { ports, parallel, nodes, carried, scanned, collected }: Step,
  written: Written,
  again: () => Lowered,
): Lowered {
  const scope = openScope(freshNames(contentTable()), parallel);
  const unstack = scope.labelled("scanned");
  for (const { node, port } of scanned)
    written.names.set(node, reshape(unstack, port.value, port.shape.slice(1)));
  const left = carried.map(({ to }) => to);
  writeNodes(nodes, written, () => scope, nodesOf([...left, ...collected]));
  publish(scope, nodesOf(left), written, portsIn(left));
  const stack = scope.labelled("collected");
  for (const { node, port } of collected)
    scope.publish(reshape(stack, written.names.get(node) as string, port.shape), port.value);
  return assemble(ports, scope.finish(), written.labels, again);
}

/** The nodes whose value may differ from step to step. */
function varying(nodes: readonly AnyNode[], sources: readonly AnyNode[]): ReadonlySet<AnyNode> {
  const result = new Set(sources);
  for (const node of nodes)
    if ((node.inputs as readonly AnyNode[]).some((i) => result.has(i))) result.add(node);
  return result;
}

/** The port of one step behind a port of the whole graph. */
const ofStep = (port: Port, value: string, stacked: boolean): Port => ({
  ...port,
  value,
  shape: stacked ? port.shape.slice(1) : port.shape,
});

function scan(step: Step, written: Written, length: number | undefined, again: () => Lowered): Lowered {
  const { ports, nodes, collected } = step;
  const names = freshNames(contentTable());
  const outer = openScope(names, step.parallel);
  const body = openScope(names, step.parallel, outer);
  const moving = step.carried.filter(({ from, to }) => from.node !== to.node);
  const vectors = step.vectors.map((vector, i) =>
    joinedSlots(vector, outer.labelled(`packed_${i}`), names.next()),
  );
  const states = [...moving, ...vectors];
  const results = nodesOf([...step.carried, ...vectors].map(({ to }) => to).concat(collected));
  const inside = varying(nodes, [...states.map(({ from }) => from.node), ...nodesOf(step.scanned)]);
  const [within, without] = [nodes.filter((n) => inside.has(n)), nodes.filter((n) => !inside.has(n))];
  const readInside = within.flatMap((node) => node.inputs as readonly AnyNode[]);
  writeNodes(without, written, () => outer, [...results, ...readInside]);
  const ahead = hoist(
    moving.map(({ from, to }) => ({ from: from.node, to: to.node })),
    within,
    inside,
    results,
  );
  const byStep = ahead === null ? [] : writeAhead(ahead, step, written, outer, length);
  const scanned = [...step.scanned, ...byStep];
  const entering = [...states.map(({ from }) => from), ...scanned];
  const leaving = [...states.map(({ to }) => to), ...collected];
  const inputs = entering.map(({ port }, i) => ofStep(port, names.next(), i >= states.length));
  const outputs = leaving.map(({ port }, i) => ofStep(port, names.next(), i >= states.length));
  entering.forEach(({ node }, i) => {
    written.names.set(node, inputs[i].value);
  });
  const done = new Set<AnyNode>(ahead?.nodes.filter((node) => !results.includes(node)));
  writeNodes(
    within.filter((node) => !done.has(node)),
    written,
    () => body,
    results,
  );
  publish(body, nodesOf(leaving), written, outputs);
  for (const { from, to } of step.carried)
    if (from.node === to.node) outer.publish(from.port.value, to.port.value);
  const content = body.finish();
  const counter = scanned.length === 0 ? counting(outer, names.next(), length as number) : undefined;
  appendScan(
    outer,
    [...portsIn(entering).map(({ value }) => value), ...(counter === undefined ? [] : [counter.outer])],
    portsIn(leaving).map(({ value }) => value),
    {
      name: "step",
      ...content,
      inputs: [...inputs, ...(counter === undefined ? [] : [counter.port])].map(infoOf),
      outputs: outputs.map(infoOf),
    },
    Math.max(1, scanned.length),
  );
  step.vectors.forEach(({ parts }, i) => {
    publishParts(outer, `unpacked_${i}`, vectors[i].to.port.value, parts);
  });
  return assemble(ports, outer.finish(), written.labels, again);
}

/** Computes, before the loop, what follows from the numbers of the steps; each as a slot that the steps scan. */
function writeAhead(
  { counters, nodes, read }: Hoisted,
  step: Step,
  written: Written,
  outer: Scope,
  length: number | undefined,
): Slot[] {
  const to = outer.labelled("steps_ahead");
  const whole = (value: number) => number(to, value, "int32");
  const count = length === undefined ? countOf(step.scanned[0].port.value, to) : whole(length);
  const numbers = to.node("Range", [whole(0), count, whole(1)]);
  const names = new Map<AnyNode, string>();
  for (const { from, by } of counters) {
    const first = written.names.get(from) as string;
    names.set(from, to.node("Add", [to.node("Mul", [numbers, whole(by)]), first]));
  }
  for (const node of nodes) {
    const label = `${node.op}_${written.labels.size}`;
    written.labels.set(label, node);
    const inputs = (node.inputs as readonly AnyNode[]).map((i) => names.get(i) ?? written.names.get(i));
    names.set(node, lowerNode(node, inputs as string[], outer.labelled(label)));
  }
  return read.map((node) => {
    const value = names.get(node) as string;
    return { node, port: { name: value, value, shape: [length ?? -1], dtype: node.dtype } };
  });
}

/** The number of steps, int32 [], from what is scanned. */
const countOf = (scanned: string, to: Emitter): string => {
  const first = to.node("Shape", [scanned], { start: { int: 0 }, end: { int: 1 } });
  return cast(to, to.node("Squeeze", [first]), "int32");
};

const sizes = (parts: Vector["parts"]): number[] => parts.map(({ from }) => sizeOf(from.port.shape));

/** A vector as a slot of the scan, filled from the ports of its parts. */
function joinedSlots({ from, to, parts }: Vector, emitter: Emitter, leaving: string) {
  const flat = parts.map((part, i) => reshape(emitter, part.from.port.value, [sizes(parts)[i]]));
  const value = emitter.node("Concat", flat, { axis: { int: 0 } });
  const port: Port = { name: "packed", value, shape: from.shape, dtype: from.dtype };
  return { from: { node: from, port }, to: { node: to, port: { ...port, value: leaving } } };
}

/** Gives the parts of a vector their names outside. */
function publishParts(outer: Scope, label: string, vector: string, parts: Vector["parts"]): void {
  const emitter = outer.labelled(label);
  const flat = emitter.nodes("Split", [vector, ints(emitter, sizes(parts))], parts.length, {
    axis: { int: 0 },
  });
  parts.forEach(({ to: { port } }, i) => {
    outer.publish(reshape(emitter, flat[i], port.shape), port.value);
  });
}

/** Something to scan for a loop that has nothing but a length. */
function counting(outer: Scope, value: string, length: number) {
  const name = outer.labelled("steps").literal(zeros("bool", [length]));
  const port: Port = { name: "step", value, shape: [], dtype: "bool" };
  return { outer: name, port };
}

function appendScan(
  scope: Scope,
  inputs: readonly string[],
  outputs: readonly string[],
  body: GraphProto,
  slices: number,
): void {
  scope.append({
    op: "Scan",
    name: "steps",
    inputs,
    outputs,
    attributes: { num_scan_inputs: { int: slices }, body: { graph: body } },
  });
}
