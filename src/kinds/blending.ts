import { OckhamError } from "../error.ts";
import { isFloat } from "../tensor/index.ts";
import type { Inputs } from "./model.ts";

/** Throws `conflict`, naming the member, for inputs that have nothing between two of their values: numbers of tokens or nodes. */
export function checkBlendable(id: string, inputs: Inputs): void {
  const whole = Object.keys(inputs).find((name) => !isFloat(inputs[name].dtype));
  if (whole !== undefined)
    throw new OckhamError(
      "conflict",
      id,
      `${id} blends examples, and ${whole} holds whole numbers, which have no middle`,
      "leave it out for texts and nodes of a graph; dropout is for them too",
    );
}
