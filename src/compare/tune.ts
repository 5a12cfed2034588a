import { stream } from "../array/random.ts";
import type { Definition } from "../kinds/index.ts";
import { input, type Tensor } from "../tensor/index.ts";
import type { Optioned, Shelf } from "./candidates.ts";
import type { Candidate, Chosen } from "./results.ts";

/** One try of tuning: options of the methods, and a factor on the learning rate. */
export interface Try {
  readonly methods: readonly Chosen[];
  readonly rateFactor: number;
}

/** Learning rates are tried up to this factor above and below the usual one. */
const widest = 10;

/**
 * The tries of one candidate: the defaults first, then random picks from the grids of its methods' options, each
 * with a learning rate drawn on a log scale, which the baseline tunes too. The same number for every candidate.
 */
export async function triesFor(
  candidate: Candidate,
  count: number,
  seed: number,
  shelf: Shelf,
): Promise<Try[]> {
  const definitions = await Promise.all(candidate.methods.map(({ id }) => shelf.get(id)));
  const random = stream(seed).split("tuning").split(candidate.name);
  const pick = <T>(list: readonly T[]): T => list[random.integers(list.length)];
  const tries: Try[] = [{ methods: candidate.methods, rateFactor: 1 }];
  const seen = new Set([JSON.stringify(tries[0])]);
  for (let attempt = 0; tries.length < count && attempt < 50 * count; attempt++) {
    const methods = candidate.methods.map((chosen, i) => ({
      id: chosen.id,
      options: varied(definitions[i], chosen, pick),
    }));
    const rateFactor = Number((widest ** (2 * random.uniform() - 1)).toPrecision(2));
    const tried = { methods, rateFactor };
    const text = JSON.stringify(tried);
    if (seen.has(text)) continue;
    seen.add(text);
    tries.push(tried);
  }
  return tries;
}

function varied(
  definition: Definition,
  chosen: Chosen,
  pick: <T>(list: readonly T[]) => T,
): Chosen["options"] {
  return Object.fromEntries(
    Object.entries(chosen.options).map(([name, value]) => {
      const { grid } = definition.options[name];
      return [name, grid.length === 0 ? value : pick(grid)];
    }),
  );
}

/** Tries that differ in numbers only: one plan serves them, and is given the numbers when it is trained. */
export interface Family {
  /** The same for all that one plan serves. */
  readonly id: string;
  readonly methods: readonly Optioned[];
  readonly hyperparameters: Readonly<Record<string, Tensor>>;
  readonly tries: readonly {
    readonly tried: Try;
    readonly hyperparameters: Readonly<Record<string, number>>;
  }[];
}

/** The tries of one candidate in families, each in their order; `usual` is the learning rate that factors are of. */
export async function familiesOf(tries: readonly Try[], usual: number, shelf: Shelf): Promise<Family[]> {
  const families = new Map<string, Family>();
  for (const tried of tries) {
    const family = await familyOf(tried, usual, shelf);
    const known = families.get(family.id) ?? { ...family, tries: [] };
    families.set(family.id, { ...known, tries: [...known.tries, ...family.tries] });
  }
  return [...families.values()];
}

async function familyOf(tried: Try, usual: number, shelf: Shelf): Promise<Family> {
  const symbols: Record<string, Tensor> = { rate: input("rate", []) };
  const numbers: Record<string, number> = { rate: usual * tried.rateFactor };
  const methods: Optioned[] = [];
  for (const [i, { id, options }] of tried.methods.entries()) {
    const definition = await shelf.get(id);
    const entries = Object.entries(options).map(([name, value]) => {
      const { traced, grid } = definition.options[name];
      if (!traced || grid.length === 0) return [name, value] as const;
      const path = `${i}.${id}.${name}`;
      symbols[path] = input(path, []);
      numbers[path] = Number(value);
      return [name, symbols[path]] as const;
    });
    methods.push({ id, options: Object.fromEntries(entries) });
  }
  const fixed = tried.methods.map(({ id, options }, i) => [
    id,
    Object.entries(options).filter(([name]) => !(`${i}.${id}.${name}` in symbols)),
  ]);
  return {
    id: JSON.stringify(fixed),
    methods,
    hyperparameters: symbols,
    tries: [{ tried, hyperparameters: numbers }],
  };
}

/** Every try in a family of its own, with its options as numbers. */
export const eachItsOwn = (tries: readonly Try[], usual: number): Family[] =>
  tries.map((tried) => ({
    id: JSON.stringify(tried.methods),
    methods: tried.methods,
    hyperparameters: { rate: input("rate", []) },
    tries: [{ tried, hyperparameters: { rate: usual * tried.rateFactor } }],
  }));
