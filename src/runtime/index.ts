/** The runtime on Node. Browsers get `browser.ts`, which offers the same. */
export type { Device, Memory } from "./engine.ts";
export type { Handle, Host, HostOptions, Program, Run, RunOptions, Setup } from "./host.ts";
export type { ModelOptions, ModelRun, ModelValue, OpenModel, Texts } from "./model.ts";
export { openHost, openInline, openModel, openPool } from "./node/open.ts";
export type { Pool } from "./pool.ts";
