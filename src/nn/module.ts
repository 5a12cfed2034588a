import type { Inputs, Leaf, Mode, Params } from "../kinds/index.ts";
import { fold, type Key, type Tensor } from "../tensor/index.ts";

/** What a module sees beside its input. */
export interface Context {
  readonly weights: Params;
  readonly mode: Mode;
  /** What random numbers are drawn from; without it nothing is drawn. */
  readonly key?: Key;
  /** Collects new values of buffers. */
  readonly buffers: Record<string, Tensor>;
  /** All that the model is given, by name. */
  readonly inputs?: Inputs;
  /** Of texts [n, tokens]: 1 for a token, 0 for padding. */
  readonly mask?: Tensor;
  /** Tokens of another text that are attended to, [n, tokens, width], with their mask. */
  readonly memory?: { readonly value: Tensor; readonly mask?: Tensor };
}

/** A piece of a network, built for one name and one input shape (of a single example). */
export interface Module {
  readonly leaves: readonly Leaf[];
  /** Shape of one example of the result. */
  readonly shape: readonly number[];
  init(key: Key): Params;
  apply(x: Tensor, context: Context): Tensor;
}

/** Builds a module once it is known where it stands. */
export type ModuleOf = (name: string, shape: readonly number[]) => Module;

/** A module without arrays. */
export const stateless =
  (shape: (input: readonly number[]) => readonly number[], apply: (x: Tensor) => Tensor): ModuleOf =>
  (_, input) => ({ leaves: [], shape: shape(input), init: () => ({}), apply });

/** Modules one after another, called `name.i` with i counting those with arrays, or `name` where there is one part. */
export const sequence =
  (...parts: readonly ModuleOf[]): ModuleOf =>
  (name, input) => {
    const built: Module[] = [];
    for (const part of parts) {
      const shape = built.at(-1)?.shape ?? input;
      const named = parts.length === 1 ? name : `${name}.${built.filter((m) => m.leaves.length > 0).length}`;
      built.push(part(named, shape));
    }
    return {
      leaves: built.flatMap((m) => m.leaves),
      shape: built.at(-1)?.shape ?? input,
      init: (key) => Object.assign({}, ...built.map((m, i) => m.init(fold(key, i)))),
      apply: (x, context) => built.reduce((value, m) => m.apply(value, context), x),
    };
  };
