/** The front door in browsers: everything of index.ts that needs neither files nor processes. */
export * from "./data/browser.ts";
export * from "./everywhere.ts";
export {
  type Device,
  type Host,
  type HostOptions,
  openHost,
  openInline,
  openModel,
  openPool,
  type Setup,
} from "./runtime/browser.ts";
