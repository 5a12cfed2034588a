import { OckhamError } from "../error.ts";
import {
  type AnyGradientTransform,
  type AnyMethod,
  type DataTransform,
  type Definition,
  isWeight,
  type Kind,
  type Leaf,
  type Loss,
  type Method,
  type Model,
  type Optimizer,
  type Own,
  type Parametrization,
  type Params,
  type Penalty,
  type Risk,
  type Schedule,
} from "../kinds/index.ts";
import { add, fold, mul, type Tensor } from "../tensor/index.ts";

/** The kinds that can take part in a training run, with what their definitions make. */
interface Made {
  penalty: Penalty;
  loss: Loss;
  risk: Risk;
  schedule: Schedule;
  transform: DataTransform;
  parametrization: Parametrization;
  gradient: AnyGradientTransform;
  optimizer: Optimizer;
  method: AnyMethod;
}

const applies = (part: { applies?(leaf: Leaf): boolean }, leaf: Leaf): boolean =>
  part.applies?.(leaf) ?? isWeight(leaf);

/** The leaves of the model that a part acts on. Throws `conflict` when there are none: it would do nothing. */
function leavesFor(
  part: Parameters<typeof applies>[0],
  { leaves, name }: Model,
  id: string,
): readonly Leaf[] {
  const chosen = leaves.filter((leaf) => applies(part, leaf));
  if (chosen.length === 0)
    throw new OckhamError(
      "conflict",
      `${id} on ${name}`,
      `${id} acts on none of the weights of ${name}`,
      "choose another model with --model, or options that take in its layers",
    );
  return chosen;
}

const fromPenalty = (part: Penalty, id: string): Method => ({
  penalty: ({ weights, about }) =>
    leavesFor(part, about.model, id)
      .map((leaf) => part.value(weights[leaf.path], leaf))
      .reduce(add),
});

function fromParametrization(part: Parametrization, id: string): Method {
  const ownPath = (leaf: Leaf, name: string) => `${leaf.path}/${name}`;
  return {
    params(base, about, key): Own {
      const leaves: Leaf[] = [];
      const values: Record<string, Tensor> = {};
      for (const leaf of leavesFor(part, about.model, id)) {
        const start = part.init(base[leaf.path], leaf, fold(key, leaf.path));
        values[leaf.path] = start.base;
        for (const [name, value] of Object.entries(start.own)) {
          const path = ownPath(leaf, name);
          const { layer } = leaf;
          leaves.push({
            path,
            layer,
            role: "extra",
            outAxis: null,
            shape: value.shape,
            rate: part.rates?.[name],
          });
          values[path] = value;
        }
      }
      return { leaves, values };
    },
    weights(weights, { about }): Params {
      const result: Record<string, Tensor> = { ...weights };
      for (const leaf of leavesFor(part, about.model, id)) {
        const prefix = ownPath(leaf, "");
        const own = Object.entries(weights).filter(([path]) => path.startsWith(prefix));
        const named = Object.fromEntries(own.map(([path, value]) => [path.slice(prefix.length), value]));
        result[leaf.path] = part.weight(weights[leaf.path], named, leaf);
      }
      return result;
    },
  };
}

const lifts: { readonly [K in keyof Made]: (made: Made[K], id: string) => AnyMethod } = {
  penalty: fromPenalty,
  loss: (part, id) => ({
    losses({ outputs, batch, about }) {
      if (!part.tasks.includes(about.task))
        throw new OckhamError(
          "conflict",
          id,
          `${id} is for ${part.tasks.join(" and ")}, the data is for ${about.task}`,
          "choose a loss for this task",
        );
      return part.value(outputs.prediction, batch.target);
    },
  }),
  risk: (part) => ({ risk: (losses, { batch }) => part(losses, batch) }),
  schedule: (part) => ({ rate: (rate, { count, about }) => mul(rate, part(count, about)) }),
  transform: (part) => ({ batch: (batch, step) => part(batch, step.key, step) }),
  parametrization: fromParametrization,
  gradient: (part) => ({
    state: (params, about) => part.init(params, about),
    transform: (gradients, step, state) => part.transform(gradients, state, step),
  }),
  optimizer: (part) => ({ optimizer: part }),
  method: (made) => made,
};

/** Whether members of a kind can be trained with. */
export const trains = (kind: Kind): kind is keyof Made => kind in lifts;

/** What a definition made, as a method. Throws `conflict` for kinds that take no part in training. */
export function lift(definition: Pick<Definition, "kind" | "id">, made: unknown): AnyMethod {
  const { kind, id } = definition;
  if (!trains(kind))
    throw new OckhamError(
      "conflict",
      id,
      `${id} is of kind ${kind}, not a method of training`,
      kind === "setting"
        ? `methods are compared in it: --setting ${id}`
        : "it is a reference line of every comparison already",
    );
  return (lifts[kind] as (made: unknown, id: string) => AnyMethod)(made, id);
}
