import { nearest, OckhamError } from "../error.ts";
import type { AnyMethod, Definition, Kind } from "../kinds/index.ts";
import { models, type NamedModel, siamese } from "../nn/index.ts";
import { registry } from "../registry.ts";
import type { Tensor } from "../tensor/index.ts";
import { lift, type Named, trains } from "../training/index.ts";
import type { Candidate, Chosen } from "./results.ts";

type OptionValue = number | string | boolean;

/** Builds a model for examples of a shape. */
export type ModelOf = NamedModel;

/** A model of single things as one of pairs, where the data are pairs. */
export const ofPairs =
  (of: ModelOf): ModelOf =>
  (shape, outputs, about) => {
    const model = of(shape, outputs, about);
    return about?.paired ? siamese(model, outputs) : model;
  };

/** Finds definitions by id and models by name: Ockham's, and those a person brought along. */
export interface Shelf {
  get(id: string): Promise<Definition>;
  model(name: string): ModelOf;
  /** The same, with models that begin at random where those here do not. */
  readonly random: Shelf;
}

/**
 * All members and models, with a person's own in front; `begun` may say that models begin with weights of a file, also
 * those of pairs. Throws `unknown-name` with the nearest name.
 */
export function shelf(
  own: readonly Definition[] = [],
  ownModels: Readonly<Record<string, ModelOf>> = {},
  begun?: (of: ModelOf) => ModelOf,
): Shelf {
  const known = { ...models, ...ownModels };
  const members: Omit<Shelf, "random"> = {
    model(name) {
      const found = known[name];
      if (found !== undefined) return (begun ?? ofPairs)(found);
      const near = nearest(name, Object.keys(known));
      throw new OckhamError(
        "unknown-name",
        name,
        `there is no model called "${name}"`,
        near === undefined ? `there are ${Object.keys(known).join(", ")}` : `did you mean "${near}"?`,
      );
    },
    async get(id) {
      const brought = own.find((definition) => definition.id === id);
      if (brought !== undefined) return brought;
      const entry = registry.find((e) => e.id === id);
      if (entry !== undefined) return entry.load();
      const near = nearest(id, [...own.map((d) => d.id), ...registry.map((e) => e.id)]);
      throw new OckhamError(
        "unknown-name",
        id,
        `there is no method called "${id}"`,
        near === undefined
          ? '"ockham methods" lists them'
          : `did you mean "${near}"? "ockham methods" lists them all`,
      );
    },
  };
  if (begun !== undefined) return { ...members, random: shelf(own, ownModels) };
  return {
    ...members,
    get random() {
      return this;
    },
  };
}

/** Kinds that can stand in a list of methods to compare. */
const combinable = (kind: Kind): boolean => trains(kind);

/** The ids of "a,b+c" as combinations: [["a"], ["b", "c"]]; "none" is the empty one. Throws `bad-option`. */
export function parseMethods(text: string): string[][] {
  const combinations = text.split(",").map((part) => part.split("+").map((id) => id.trim()));
  if (combinations.some((ids) => ids.some((id) => id === "")))
    throw new OckhamError(
      "bad-option",
      "--methods",
      `"${text}" has an empty name in it`,
      'write it as "mixup,sam+dropout"',
    );
  for (const ids of combinations) {
    const twice = ids.find((id, i) => ids.indexOf(id) < i);
    if (twice !== undefined)
      throw new OckhamError(
        "conflict",
        ids.join("+"),
        `${twice} stands twice in ${ids.join("+")}`,
        "name it once",
      );
  }
  return combinations.map((ids) => (ids.length === 1 && ids[0] === "none" ? [] : ids));
}

/** "mixup.strength=0.4" as its parts. Throws `bad-option`. */
export function parseSetting(text: string): {
  readonly id: string;
  readonly option: string;
  readonly value: string;
} {
  const match = text.match(/^([^.=\s]+)\.([^.=\s]+)=(.*)$/);
  if (match === null)
    throw new OckhamError(
      "bad-option",
      "--set",
      `"${text}" does not set an option`,
      'write it as "mixup.strength=0.4"',
    );
  const [, id, option, value] = match;
  return { id, option, value };
}

/** The options of a member from texts and its defaults. Throws `unknown-name` or `bad-option`. */
export function optionsOf(
  definition: Definition,
  given: Readonly<Record<string, string>>,
): Record<string, OptionValue> {
  const result: Record<string, OptionValue> = {};
  for (const [name, option] of Object.entries(definition.options)) result[name] = option.default;
  for (const [name, text] of Object.entries(given)) {
    const option = definition.options[name];
    if (option === undefined) {
      const near = nearest(name, Object.keys(definition.options));
      throw new OckhamError(
        "unknown-name",
        `${definition.id}.${name}`,
        `${definition.id} has no option "${name}"`,
        near === undefined
          ? `it has ${Object.keys(definition.options).join(", ") || "none"}`
          : `did you mean "${near}"?`,
      );
    }
    const value = option.parse(text);
    if (value === undefined || !option.valid(value))
      throw new OckhamError(
        "bad-option",
        `${definition.id}.${name}`,
        `${definition.id}.${name} is "${text}", but must be ${option.range}`,
        `its default is ${option.default}: ${option.doc}`,
      );
    result[name] = value;
  }
  return result;
}

/**
 * Candidates for every model: the baseline, then each combination with the options set. Throws `unknown-name`
 * for unknown ids and options, `conflict` for members that take no part in training, `bad-option` for values out of range.
 */
export async function candidatesFor(
  modelNames: readonly string[],
  combinations: readonly (readonly string[])[],
  settings: readonly string[] = [],
  from: Shelf = shelf(),
): Promise<Candidate[]> {
  for (const name of modelNames) from.model(name);
  const set = settings.map(parseSetting);
  const ids = new Set(combinations.flat());
  for (const { id } of set)
    if (!ids.has(id))
      throw new OckhamError(
        "conflict",
        `--set ${id}`,
        `"${id}" is set but not among the methods compared`,
        "add it to --methods",
      );
  const choose = async (id: string): Promise<Chosen> => {
    const definition = await from.get(id);
    if (!combinable(definition.kind)) lift(definition, undefined);
    const given = Object.fromEntries(
      set.filter((s) => s.id === id).map(({ option, value }) => [option, value]),
    );
    return { id, options: optionsOf(definition, given) };
  };
  const distinct = new Map([[], ...combinations].map((list) => [list.join("+"), list]));
  const result: Candidate[] = [];
  for (const model of modelNames)
    for (const list of distinct.values()) {
      const methods = await Promise.all(list.map(choose));
      const name = list.length === 0 ? "none" : list.join("+");
      result.push({ name: modelNames.length === 1 ? name : `${model}: ${name}`, model, methods });
    }
  return result;
}

/** A method with its options, of which numbers may be symbols. */
export interface Optioned {
  readonly id: string;
  readonly options: Readonly<Record<string, OptionValue | Tensor>>;
}

/** The methods of a candidate, made. */
export async function methodsOf(methods: readonly Optioned[], from: Shelf): Promise<Named[]> {
  return Promise.all(
    methods.map(async ({ id, options }): Promise<Named> => {
      const definition = await from.get(id);
      const method: AnyMethod = lift(definition, definition(options as never));
      return { name: id, method };
    }),
  );
}
