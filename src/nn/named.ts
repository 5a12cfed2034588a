import { OckhamError } from "../error.ts";
import type { Model, Task } from "../kinds/index.ts";
import { embedding } from "./embedding.ts";
import { lecunNormal } from "./initializers.ts";
import { languageModel } from "./languageModel.ts";
import { linear } from "./layers.ts";
import { cnn, mlp, resnet, staged } from "./models.ts";
import { sequence } from "./module.ts";
import { recurrentLanguageModel } from "./recurrentModels.ts";
import { encoder, pooled } from "./transformer.ts";
import { unet } from "./unet.ts";

/** What a model is told of data that are texts. */
export interface TextAbout {
  readonly task: Task;
  /** All ids are below this. */
  readonly vocabulary: number;
}

/** A model for examples of a shape, with so many outputs; `text` where the examples are ids of tokens. */
export type NamedModel = (shape: readonly number[], outputs: number, text?: TextAbout) => Model;

/** The mean of the tokens' vectors, and a dense layer: what words say without their order. */
export const bagOfTokens = (vocabulary: number, tokens: number, outputs: number, width = 64): Model =>
  staged(
    `bag(${width})`,
    [tokens],
    [
      { name: "features", part: sequence(embedding(vocabulary, width), pooled("mean")) },
      { name: "head", part: linear(outputs, { init: lecunNormal, head: true }) },
    ],
    { input: "ids", masked: true },
  );

const forNumbers =
  (name: string, make: (shape: readonly number[], outputs: number) => Model): NamedModel =>
  (shape, outputs, text) => {
    if (text === undefined) return make(shape, outputs);
    throw new OckhamError(
      "conflict",
      name,
      `${name} takes tables and images, and these are texts`,
      `take ${text.task === "tokens" ? "transformer, lstm or gru" : "transformer or bag"}`,
    );
  };

const forTexts =
  (name: string, make: (text: TextAbout, tokens: number, outputs: number) => Model): NamedModel =>
  (shape, outputs, text) => {
    if (text !== undefined) return make(text, shape[0], outputs);
    throw new OckhamError("conflict", name, `${name} takes texts, and these are none`, "take mlp or cnn");
  };

/** A recurrent language model; padded texts that are told apart would need states that stop where a text does. */
const continuing = (cell: "lstm" | "gru") =>
  forTexts(cell, ({ task, vocabulary }, tokens) => {
    if (task === "tokens") return recurrentLanguageModel(vocabulary, tokens, { cell, units: 128 });
    throw new OckhamError(
      "conflict",
      cell,
      `${cell} continues texts, and these are told apart`,
      "take transformer or bag",
    );
  });

/** Models by name, for the command line. */
export const models: Readonly<Record<string, NamedModel>> = {
  mlp: forNumbers("mlp", (shape, outputs) => mlp(shape, outputs)),
  cnn: forNumbers("cnn", (shape, outputs) => cnn(shape, outputs)),
  resnet: forNumbers("resnet", (shape, outputs) => resnet(shape, outputs)),
  linear: forNumbers("linear", (shape, outputs) => mlp(shape, outputs, [])),
  unet: forNumbers("unet", (shape, outputs) => unet(shape, outputs)),
  transformer: forTexts("transformer", ({ task, vocabulary }, tokens, outputs) =>
    task === "tokens"
      ? languageModel(vocabulary, tokens, textSize)
      : encoder(vocabulary, tokens, outputs, textSize),
  ),
  lstm: continuing("lstm"),
  gru: continuing("gru"),
  bag: forTexts("bag", ({ task, vocabulary }, tokens, outputs) => {
    if (task !== "tokens") return bagOfTokens(vocabulary, tokens, outputs);
    throw new OckhamError(
      "conflict",
      "bag",
      "bag forgets the order of tokens, so it cannot continue a text",
      "take transformer",
    );
  }),
};

/** Small enough for many seeds on a processor. */
const textSize = { layers: 2, width: 64, heads: 4 };
