import { type Code, types, unsigned } from "./code.ts";

type Type = (typeof types)[keyof typeof types];

/** A function under construction. */
export interface Func {
  /** What debuggers and profilers call it. */
  readonly name: string;
  readonly parameters: readonly Type[];
  /** A new local variable. */
  local(type?: Type): number;
  emit(...code: readonly Code[]): void;
  body(): Code;
}

/** An empty function; its parameters are its first locals. */
export function openFunction(name: string, parameters: readonly Type[] = []): Func {
  const locals: Type[] = [];
  const code: number[] = [];
  return {
    name,
    parameters,
    local: (type = types.v128) => parameters.length + locals.push(type) - 1,
    emit: (...parts) => {
      for (const part of parts) for (const byte of part) code.push(byte);
    },
    body: () => {
      const declared = [unsigned(locals.length), ...locals.map((type) => [1, type])].flat();
      return [...declared, ...code, 0x0b];
    },
  };
}

/** A function of numbers of float64 that comes from JavaScript. */
export interface Import {
  readonly name: string;
  readonly arity: number;
}

export interface ModuleSpec {
  readonly imports: readonly Import[];
  readonly functions: readonly Func[];
  /** How many whole numbers that functions share; the last is exported as "refused". */
  readonly globals: number;
  /** Exported functions, by their places after the imports. */
  readonly exports: Readonly<Record<string, number>>;
  /** Pages of 64 KiB that the memory has at first. */
  readonly pages: number;
  /** What is in memory at first. */
  readonly data: readonly { readonly address: number; readonly bytes: Uint8Array }[];
  /** What goes with the program, under the name "ockham". */
  readonly notes: string;
}

const list = (items: readonly Code[]): number[] => [...unsigned(items.length), ...items.flat()];
const text = (value: string): number[] => {
  const bytes = new TextEncoder().encode(value);
  return [...unsigned(bytes.length), ...bytes];
};

/** Joins without spreading: sections may be long. */
function joined(parts: readonly (Code | Uint8Array)[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((n, { length }) => n + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

const section = (id: number, ...parts: readonly (Code | Uint8Array)[]): Uint8Array => {
  const content = joined(parts);
  return joined([[id], unsigned(content.length), content]);
};

const functionType = (parameters: readonly number[], results: readonly number[]): Code => [
  0x60,
  ...list(parameters.map((type) => [type])),
  ...list(results.map((type) => [type])),
];

/** A WebAssembly module that exports its memory as "memory". */
export function encode({ imports, functions, globals, exports, pages, data, notes }: ModuleSpec): Uint8Array {
  const signatures = [
    ...imports.map(({ arity }) => functionType(Array(arity).fill(types.f64), [types.f64])),
    ...functions.map(({ parameters }) => functionType(parameters, [])),
  ];
  const bodies = functions.map((func) => func.body());
  return joined([
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, list(signatures)),
    section(2, list(imports.map(({ name }, i) => [...text("math"), ...text(name), 0, ...unsigned(i)]))),
    section(3, list(functions.map((_, i) => unsigned(imports.length + i)))),
    section(5, list([[0, ...unsigned(pages)]])),
    section(6, list(Array.from({ length: globals }, () => [types.i32, 1, 0x41, 0, 0x0b]))),
    section(
      7,
      list([
        [...text("memory"), 2, 0],
        [...text("refused"), 3, ...unsigned(globals - 1)],
        ...Object.entries(exports).map(([name, at]) => [...text(name), 0, ...unsigned(imports.length + at)]),
      ]),
    ),
    section(
      10,
      unsigned(bodies.length),
      ...bodies.flatMap((body) => [unsigned(body.length), Uint8Array.from(body)]),
    ),
    section(
      11,
      unsigned(data.length),
      ...data.flatMap(({ address, bytes }) => [
        [0, 0x41, ...signedAddress(address), 0x0b, ...unsigned(bytes.length)],
        bytes,
      ]),
    ),
    section(0, text("ockham"), new TextEncoder().encode(notes)),
    section(0, text("name"), namesOf([...imports, ...functions])),
  ]);
}

/** The part of the section "name" that is about functions. */
const namesOf = (functions: readonly { readonly name: string }[]): Code => {
  const names = list(functions.map(({ name }, i) => [...unsigned(i), ...text(name)]));
  return [1, ...unsigned(names.length), ...names];
};

/** Addresses are below 2^31: the sign of their last group of bits must be that of a positive number. */
const signedAddress = (address: number): number[] => {
  const bytes = unsigned(address);
  const last = bytes[bytes.length - 1];
  return last < 64 ? bytes : [...bytes.slice(0, -1), last | 128, 0];
};
