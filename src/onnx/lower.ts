import type { Tensor } from "../tensor/graph.ts";
import {
  assemble,
  emptyWritten,
  type Lowered,
  namePorts,
  type Ports,
  portsOf,
  publish,
  writeNodes,
} from "./assemble.ts";
import { contentTable } from "./content.ts";
import { optimize } from "./optimize.ts";
import type { GraphProto } from "./proto.ts";
import { freshNames, openScope } from "./scope.ts";

/** A graph to lower: its placeholders and results by name. */
export interface GraphSpec {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Whether several threads may run it; false unless told, when `Lowered.parallel` has that form where it differs. */
  readonly parallel?: boolean;
}

/** A lowered graph that is not a file of its own yet, so that another graph can take it in. */
export interface Fragment extends Ports, Pick<GraphProto, "nodes" | "initializers"> {}

function write({ inputs, outputs, parallel = false }: GraphSpec, portable = false) {
  const ports = namePorts(portsOf(inputs), portsOf(outputs));
  const rewritten = optimize(Object.values(outputs), Object.values(inputs));
  const scope = openScope(freshNames(contentTable()), parallel);
  const to = emptyWritten();
  Object.values(inputs).forEach((tensor, i) => {
    to.names.set(rewritten.of(tensor), ports.inputs[i].value);
  });
  const wanted = Object.values(outputs).map(rewritten.of);
  writeNodes(rewritten.nodes, to, () => scope, wanted, portable);
  publish(scope, wanted, to, ports.outputs);
  return { ports, content: scope.finish(), labels: to.labels };
}

/**
 * An ONNX graph that computes `outputs` from `inputs`, both by name; an output may have the name of an input.
 * Throws `unknown-name` when the outputs depend on a placeholder that is not listed, `bad-dtype` where no kernel exists.
 */
export function lower(spec: GraphSpec): Lowered {
  const { ports, content, labels } = write(spec);
  return assemble(ports, content, labels, () => lower({ ...spec, parallel: true }));
}

/** As `lower`, in pieces, for files that other runtimes may open: without fused activations. */
export function lowerFragment(spec: GraphSpec): Fragment {
  const { ports, content } = write(spec, true);
  return { ...ports, ...content };
}
