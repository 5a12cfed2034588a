/** The runtime in browsers, on onnxruntime-web: the same as on Node (index.ts). */
export { openHost, openInline, openModel, openPool } from "./browser/open.ts";
export type { Device, Memory } from "./engine.ts";
export type { Handle, Host, HostOptions, Program, Run, RunOptions, Setup } from "./host.ts";
export type { ModelOptions, ModelRun, ModelValue, OpenModel, Texts } from "./model.ts";
export type { Pool } from "./pool.ts";
