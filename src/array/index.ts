export * from "./hash.ts";
export * from "./kmeans.ts";
export * from "./linalg.ts";
export * from "./ndarray.ts";
export * from "./npy.ts";
export * from "./npz.ts";
export * from "./random.ts";
