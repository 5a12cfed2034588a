import { OckhamError } from "../../error.ts";

/** A part of a tokenizer file: plain JSON with a `type`. */
export type Part = Readonly<Record<string, unknown>>;

/** The error for a tokenizer that cannot be used; `path` is its file, or what stands for it. */
export const badTokenizer = (path: string, problem: string, hint: string, cause?: unknown) =>
  new OckhamError("bad-data", path, `${path}: ${problem}`, hint, cause);

export const unknownPart = (path: string, what: string, type: unknown, known: readonly string[]) =>
  badTokenizer(
    path,
    `the ${what} ${JSON.stringify(type)} is not known here`,
    `give a tokenizer with one of ${known.join(", ")}`,
  );

export const isRecord = (value: unknown): value is Part =>
  typeof value === "object" && value !== null && !Array.isArray(value);

type Wide<T> = T extends string ? string : T extends number ? number : boolean;

/** Reads one field of a part, of a JSON type; `fallback` where it is absent or null. Throws `bad-data`. */
export function fieldOf<T extends string | number | boolean>(
  part: Part,
  name: string,
  fallback: T,
  path: string,
): Wide<T> {
  const value = part[name] ?? fallback;
  if (typeof value !== typeof fallback)
    throw badTokenizer(
      path,
      `${name} of ${JSON.stringify(part.type ?? "it")} is ${JSON.stringify(value)}, which is no ${typeof fallback}`,
      "check how the file was written",
    );
  return value as Wide<T>;
}

/** A list of parts under `name`. Throws `bad-data`. */
export function partsOf(part: Part, name: string, path: string): readonly Part[] {
  const list = part[name] ?? [];
  if (!Array.isArray(list) || !list.every(isRecord))
    throw badTokenizer(path, `${name} is no list of parts`, "check how the file was written");
  return list;
}
