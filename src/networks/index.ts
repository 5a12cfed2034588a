export { type Network, networkOf } from "./network.ts";
