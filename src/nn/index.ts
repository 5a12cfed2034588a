export * from "./attention.ts";
export * from "./initializers.ts";
export * from "./languageModel.ts";
export * from "./layers.ts";
export * from "./models.ts";
export * from "./module.ts";
export * from "./recurrent.ts";
export * from "./recurrentModels.ts";
