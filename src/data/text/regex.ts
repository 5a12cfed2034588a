import { OckhamError } from "../../error.ts";

/** What Rust's and Oniguruma's classes mean, where JavaScript's mean something else. */
const classes: Readonly<Record<string, readonly [inside: string | undefined, outside: string]>> = {
  s: ["\\p{White_Space}", "\\p{White_Space}"],
  S: ["\\P{White_Space}", "\\P{White_Space}"],
  d: ["\\p{Nd}", "\\p{Nd}"],
  D: ["\\P{Nd}", "\\P{Nd}"],
  w: [
    "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}",
    "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]",
  ],
  W: [undefined, "[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]"],
  A: [undefined, "^"],
  z: [undefined, "$"],
};

/** Characters that may be escaped under the flag `u`; other escaped ones stand for themselves. */
const escapable = /[\^$\\.*+?()[\]{}|/pPnrtfvuxcbB0-9-]/;

/**
 * A pattern of a tokenizer file (Rust's or Oniguruma's syntax) as a JavaScript one, with the flags g and u. `(?i:...)`
 * is written out letter by letter. Throws `bad-data` for what JavaScript cannot say, naming `where`.
 */
export function regexOf(pattern: string, where: string): RegExp {
  let inClass = 0;
  // by open group, whether letters of both cases match in it
  const folded: boolean[] = [];
  const fold = () => folded.at(-1) === true;
  let result = "";
  for (let at = 0; at < pattern.length; at++) {
    const c = pattern[at];
    if (c === "\\") {
      const next = pattern[++at] ?? "";
      const known = classes[next];
      if (known !== undefined) {
        const said = known[inClass > 0 ? 0 : 1];
        if (said === undefined) throw unusable(pattern, where);
        result += said;
      } else result += escapable.test(next) ? c + next : next;
      continue;
    }
    if (inClass > 0) {
      if (c === "]") inClass--;
      result += c === "[" ? "\\[" : c;
      continue;
    }
    if (c === "[") inClass++;
    else if (c === "(") {
      const insensitive = pattern.startsWith("(?i:", at);
      folded.push(insensitive || fold());
      if (insensitive) {
        result += "(?:";
        at += 3;
        continue;
      }
    } else if (c === ")") folded.pop();
    else if (fold() && c.toLowerCase() !== c.toUpperCase()) {
      result += `[${c.toLowerCase()}${c.toUpperCase()}]`;
      continue;
    }
    result += c;
  }
  try {
    return new RegExp(result, "gu");
  } catch (cause) {
    throw unusable(pattern, where, cause);
  }
}

const unusable = (pattern: string, where: string, cause?: unknown) =>
  new OckhamError(
    "bad-data",
    where,
    `${where}: the pattern ${JSON.stringify(pattern)} cannot be used here`,
    "give a tokenizer with simpler patterns",
    cause,
  );

/** A text as a pattern that matches it. */
export const literalRegex = (text: string): RegExp =>
  new RegExp(text.replace(/[\^$\\.*+?()[\]{}|/]/g, "\\$&"), "gu");
