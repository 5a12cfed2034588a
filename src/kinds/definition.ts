import type { Nested } from "../array/ndarray.ts";
import type { Tensor } from "../tensor/index.ts";
import { complete, type Options, type Values } from "./options.ts";

/** Where a member comes from. `id` is the catalogue's; several members may share one. */
export interface PaperCard {
  readonly id: string;
  readonly title: string;
  readonly authors?: readonly string[];
  readonly year?: number;
  readonly arxiv?: string;
  readonly url?: string;
  /** Equation, algorithm or file in which the formula stands. */
  readonly where?: string;
  /** Where the member differs from the paper or its code, and why. */
  readonly deviations?: readonly string[];
}

/** A small case whose numbers come from the paper, its code, a peer library or hand arithmetic: never from our own output. */
export interface Example<Made, O extends Options> {
  readonly options?: Partial<Values<O>>;
  /** What to compute with the made member. */
  readonly value: (made: Made) => Tensor | Promise<Tensor>;
  readonly output: Nested;
  readonly source: string;
  /** Largest allowed difference, 1e-6 unless told. */
  readonly tolerance?: number;
}

/** What a member's file says about it. */
export interface Specification<Made, O extends Options> {
  /** One line for lists. */
  readonly summary: string;
  readonly paper?: PaperCard;
  readonly options: O;
  readonly examples: readonly Example<Made, O>[];
  /** Laws of the kind that do not hold, each with its reason. One that holds after all fails the checks. */
  readonly exempt?: Readonly<Record<string, string>>;
  create(values: Values<O>): Made;
}

export type Kind =
  | "penalty"
  | "loss"
  | "risk"
  | "schedule"
  | "transform"
  | "parametrization"
  | "gradient"
  | "optimizer"
  | "method"
  | "estimator"
  | "setting";

/** A member: call it with options to make the thing; read what is known about it from its fields. */
export interface Definition<Made = unknown, O extends Options = Options, K extends Kind = Kind> {
  (options?: Partial<Values<O>>): Made;
  readonly kind: K;
  readonly id: string;
  readonly summary: string;
  readonly paper?: PaperCard;
  readonly options: O;
  readonly examples: readonly Example<Made, O>[];
  readonly exempt: Readonly<Record<string, string>>;
}

/** The `define` helper of a kind. */
export const definer =
  <Made, K extends Kind>(kind: K) =>
  <const O extends Options>(id: string, spec: Specification<Made, O>): Definition<Made, O, K> => {
    const make = (given: Partial<Values<O>> = {}) =>
      spec.create(complete(id, spec.options, given) as Values<O>);
    const { summary, paper, options, examples, exempt = {} } = spec;
    return Object.assign(make, { kind, id, summary, paper, options, examples, exempt });
  };
