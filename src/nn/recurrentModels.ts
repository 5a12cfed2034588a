import type { Model } from "../kinds/index.ts";
import { moveAxis, reshape, slice, squeeze } from "../tensor/index.ts";
import { lecunNormal } from "./initializers.ts";
import { embedding } from "./embedding.ts";
import { linear } from "./layers.ts";
import { staged } from "./models.ts";
import { type ModuleOf, stateless } from "./module.ts";
import { type Cell, type RecurrentOptions, recurrent } from "./recurrent.ts";

/** The last token: [tokens, width] -> [width]. */
export const lastToken: ModuleOf = stateless(
  ([, ...shape]) => shape,
  (x) => squeeze(slice(x, 1, x.shape[1] - 1, x.shape[1]), 1),
);

export interface RecurrentModelOptions extends Pick<RecurrentOptions, "init"> {
  readonly cell?: Cell;
  readonly units?: number;
  readonly layers?: number;
}

/** Images [channels, height, width] as sequences of their rows. */
const byRow: ModuleOf = stateless(
  ([channels, height, width]) => [height, channels * width],
  (x) => reshape(moveAxis(x, 1, 2), [x.shape[0], x.shape[2], -1]),
);

const layersOf = ({ cell = "tanh", units = 64, layers = 1, init }: RecurrentModelOptions) => ({
  name: `${cell}(${units}x${layers})`,
  stages: Array.from({ length: layers }, (_, i) => recurrent(`recurrent.${i}`, units, { cell, init })).flat(),
});

/**
 * Recurrent layers over sequences [tokens, width], or images row by row, and a prediction from the last state. Its
 * places: `rows` for images; for each layer `recurrent.i.input`, what the input adds at each token, and `recurrent.i`,
 * the states [n, tokens, units]; then `features`, the last state.
 */
export function recurrentModel(
  shape: readonly number[],
  outputs: number,
  options: RecurrentModelOptions = {},
): Model {
  const { name, stages } = layersOf(options);
  const rows = shape.length === 3 ? [{ name: "rows", part: byRow }] : [];
  const head = linear(outputs, { init: lecunNormal, head: true });
  return staged(name, shape, [
    ...rows,
    ...stages,
    { name: "features", part: lastToken },
    { name: "head", part: head },
  ]);
}

/**
 * A recurrent language model: a vector of `width` for each id, recurrent layers, and a head at each token. Input
 * `ids`, int32 [n, tokens]; prediction [n, tokens, vocabulary], where token t has seen the ids up to t.
 */
export function recurrentLanguageModel(
  vocabulary: number,
  tokens: number,
  { width = 64, ...options }: RecurrentModelOptions & { readonly width?: number } = {},
): Model {
  const { name, stages } = layersOf({ cell: "lstm", ...options });
  const head = linear(vocabulary, { init: lecunNormal, head: true });
  return staged(
    name,
    [tokens],
    [{ name: "tokens", part: embedding(vocabulary, width) }, ...stages, { name: "head", part: head }],
    { input: "ids", lead: 1 },
  );
}
