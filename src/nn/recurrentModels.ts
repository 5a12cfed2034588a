import type { Model } from "../kinds/index.ts";
import {
  concat,
  expandDims,
  fill,
  moveAxis,
  mul,
  reshape,
  slice,
  squeeze,
  sub,
  sum,
} from "../tensor/index.ts";
import { embedding } from "./embedding.ts";
import { lecunNormal } from "./initializers.ts";
import { linear } from "./layers.ts";
import { staged } from "./models.ts";
import { type ModuleOf, stateless } from "./module.ts";
import { type Cell, type RecurrentOptions, recurrent } from "./recurrent.ts";
import type { SequenceOptions } from "./transformer.ts";

/** The last token, before the padding where there is a mask: [tokens, width] -> [width]; zeros where there is none. */
export const lastToken: ModuleOf = (_, [, ...shape]) => ({
  leaves: [],
  shape,
  init: () => ({}),
  apply(x, { mask }) {
    const [n, tokens] = x.shape;
    if (mask === undefined) return squeeze(slice(x, 1, tokens - 1, tokens), 1);
    // 1 where a token is followed by none
    const after = concat([slice(mask, 1, 1, tokens), fill([n, 1], 0)], 1);
    return sum(mul(x, expandDims(sub(mask, after), 2)), { axes: [1] });
  },
});

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
 * Recurrent layers over sequences [tokens, width], or images row by row, and a prediction from the last state: where
 * `masked`, the one before the padding that `mask` [n, tokens] tells. Its places: `rows` for images; for each layer `recurrent.i.input`, what the input adds at each token, and `recurrent.i`,
 * the states [n, tokens, units]; then `features`, the last state.
 */
export function recurrentModel(
  shape: readonly number[],
  outputs: number,
  { masked, ...options }: RecurrentModelOptions & SequenceOptions = {},
): Model {
  const { name, stages } = layersOf(options);
  const rows = shape.length === 3 ? [{ name: "rows", part: byRow }] : [];
  const head = linear(outputs, { init: lecunNormal, head: true });
  return staged(
    name,
    shape,
    [...rows, ...stages, { name: "features", part: lastToken }, { name: "head", part: head }],
    { masked },
  );
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

/**
 * A recurrent model that reads a whole text: a vector of `width` for each id, recurrent layers, and a prediction from
 * the last state, the one at the text's last token. Inputs `ids` int32 and `mask` float32 [n, tokens], 1 for tokens and
 * 0 for the padding after them; prediction [n, outputs].
 */
export function recurrentEncoder(
  vocabulary: number,
  tokens: number,
  outputs: number,
  { width = 64, ...options }: RecurrentModelOptions & { readonly width?: number } = {},
): Model {
  const { name, stages } = layersOf({ cell: "lstm", ...options });
  return staged(
    name,
    [tokens],
    [
      { name: "tokens", part: embedding(vocabulary, width) },
      ...stages,
      { name: "features", part: lastToken },
      { name: "head", part: linear(outputs, { init: lecunNormal, head: true }) },
    ],
    { input: "ids", masked: true },
  );
}
