export * from "./attention.ts";
export * from "./autoencoder.ts";
export * from "./initializers.ts";
export * from "./languageModel.ts";
export * from "./layers.ts";
export * from "./models.ts";
export * from "./module.ts";
