export { type Network, networkAgain, networkOf } from "./network.ts";
