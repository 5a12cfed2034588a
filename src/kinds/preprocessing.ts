/** One column of a table as the model sees it. `at` is its first place in the encoded row, `width` how many it takes. */
export type Column =
  | {
      readonly kind: "number";
      readonly name: string;
      readonly at: number;
      readonly width: 1;
      /** Encoded as (value - mean) / spread. */
      readonly mean: number;
      readonly spread: number;
      /** Stands in for a missing value, in the column's own unit (the training median). */
      readonly fill: number;
    }
  | {
      readonly kind: "category";
      readonly name: string;
      readonly at: number;
      readonly width: number;
      /** One place a level; a level never seen in training, or a missing value, is all zeros. */
      readonly levels: readonly string[];
    };

/** How an encoded number of a target came from its own unit: (value - mean) / spread. */
export interface TargetScale {
  readonly mean: number;
  readonly spread: number;
}

/** A tokenizer as a Hugging Face `tokenizer.json` has it: plain JSON. */
export type TokenizerJson = Readonly<Record<string, unknown>>;

export interface TablePreprocessing {
  readonly kind: "table";
  readonly columns: readonly Column[];
  readonly target: string;
  readonly classes: readonly string[];
  /** Regression only, one an output. */
  readonly targetScale: readonly TargetScale[];
}

/** All that was learned from the training rows to turn raw data into numbers. Plain JSON; it travels with an exported model. */
export type Preprocessing =
  | TablePreprocessing
  | {
      readonly kind: "image";
      /** [channels, height, width]; pixels in [0, 1] are encoded as (pixel - mean) / spread, one mean and spread a channel. */
      readonly shape: readonly [number, number, number];
      readonly mean: readonly number[];
      readonly spread: readonly number[];
      readonly target: string;
      readonly classes: readonly string[];
      readonly targetScale: readonly TargetScale[];
    }
  | {
      readonly kind: "text";
      readonly tokenizer: TokenizerJson;
      /** Ids below this. */
      readonly vocabulary: number;
      /** Ids that an example has: longer texts are cut, shorter ones filled up. */
      readonly tokens: number;
      /** The column of a table that holds the texts. */
      readonly column?: string;
      /** For texts that are continued: "next token". */
      readonly target: string;
      /** Empty for regression, and for texts that are continued. */
      readonly classes: readonly string[];
      readonly targetScale: readonly TargetScale[];
    }
  | {
      readonly kind: "sequence";
      /** Of a step; its target stands for none. */
      readonly of: TablePreprocessing;
      /** Steps that an example has: shorter sequences are filled up. */
      readonly steps: number;
      /** Whether longer sequences were cut; else there were none. */
      readonly cut: boolean;
      /** The column of a table of steps that says which sequence a row is a step of. */
      readonly column: string;
      /** The column that orders the steps. */
      readonly time?: string;
      readonly target: string;
      readonly classes: readonly string[];
      readonly targetScale: readonly TargetScale[];
    }
  | {
      readonly kind: "pair";
      /** Of the things of both sides; its target stands for none. */
      readonly of: Preprocessing;
      readonly target: string;
      readonly classes: readonly string[];
      readonly targetScale: readonly TargetScale[];
    }
  | {
      readonly kind: "graph";
      /** The names of the nodes, in the order of their numbers, and the column that holds them. */
      readonly nodes: readonly string[];
      readonly column: string;
      readonly target: string;
      readonly classes: readonly string[];
      readonly targetScale: readonly TargetScale[];
    };
