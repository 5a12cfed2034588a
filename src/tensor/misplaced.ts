import { OckhamError } from "../error.ts";
import { lineOf } from "./graph.ts";

/** A `bad-shape` error that names the caller's line. */
export function misplaced(culprit: string, message: string, hint: string): OckhamError {
  const origin: { stack?: string } = {};
  Error.captureStackTrace(origin, misplaced);
  const line = lineOf({ origin });
  return new OckhamError("bad-shape", culprit, line === undefined ? message : `${message}, at ${line}`, hint);
}
