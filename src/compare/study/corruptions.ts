import type { Stream } from "../../array/random.ts";
import type { Preprocessing } from "../../kinds/index.ts";
import {
  blurred,
  type Change,
  type Corruption,
  onPixels,
  pixelated,
  type Spoilable,
  withMissing,
  withNoise,
} from "../measure/corruptions.ts";
import { severities } from "./levels.ts";

type Levels = readonly [number, number, number, number, number];

/** A corruption whose strengths are the severities, each standing for one level of `unit`. */
const graded = (
  kind: string,
  unit: string,
  levels: Levels,
  apply: (x: Float32Array, level: number, stream: Stream) => Float32Array,
): Corruption => ({
  kind,
  unit,
  strengths: severities,
  apply: (x, severity, stream) => apply(x, levels[severity - 1], stream),
});

const noise: Change = (p, s, stream) => {
  const e = stream.normal(p.length).data as Float64Array;
  return p.map((v, i) => v + s * e[i]);
};

/** Counting so many photons at full brightness: normal noise of variance pixel / photons. */
const shot: Change = (p, photons, stream) => {
  const e = stream.normal(p.length).data as Float64Array;
  return p.map((v, i) => v + Math.sqrt(Math.max(0, v) / photons) * e[i]);
};

const impulses: Change = (p, share, stream) => {
  const u = stream.uniform(2 * p.length).data as Float64Array;
  return p.map((v, i) => (u[2 * i] < share ? Math.round(u[2 * i + 1]) : v));
};

const contrast: Change = (p, s) => {
  const average = p.reduce((a, b) => a + b, 0) / p.length;
  return p.map((v) => average + (1 - s) * (v - average));
};

function imageKinds(pre: Extract<Preprocessing, { kind: "image" }>): Corruption[] {
  const [, height, width] = pre.shape;
  const side = Math.min(height, width);
  const of = (kind: string, unit: string, levels: Levels, change: Change) =>
    graded(kind, unit, levels, onPixels(pre, change));
  const occluded: Change = (p, share, stream) => {
    const length = Math.max(1, Math.round(share * side));
    const [top, left] = [stream.integers(height - length + 1), stream.integers(width - length + 1)];
    return p.map((v, at) => {
      const [y, x] = [Math.floor(at / width) - top, (at % width) - left];
      return y >= 0 && y < length && x >= 0 && x < length ? 0 : v;
    });
  };
  return [
    of("Gaussian noise", "standard deviation in pixel units", [0.08, 0.12, 0.18, 0.26, 0.38], noise),
    of("shot noise", "photons at full brightness", [60, 25, 12, 5, 3], shot),
    of("impulse noise", "share of pixels made black or white", [0.03, 0.06, 0.09, 0.17, 0.27], impulses),
    of("blur", "sigma in sixteenths of the side", [0.8, 1.2, 1.6, 2, 2.4], (p, s) =>
      blurred(p, height, width, (s * side) / 16),
    ),
    of("contrast", "share of contrast taken away", [0.3, 0.45, 0.6, 0.7, 0.8], contrast),
    of("brightness", "added, in pixel units", [0.1, 0.2, 0.3, 0.4, 0.5], (p, s) => p.map((v) => v + s)),
    of("pixelation", "side of a block in sixteenths of the side", [2, 3, 4, 5, 6], (p, s) =>
      pixelated(p, height, width, Math.max(2, Math.round((s * side) / 16))),
    ),
    of("occlusion", "side of a black square as a share of the side", [0.2, 0.3, 0.4, 0.5, 0.6], occluded),
  ];
}

function tableKinds(pre: Extract<Preprocessing, { kind: "table" }>): Corruption[] {
  const { columns } = pre;
  const width = columns.reduce((n, column) => n + column.width, 0);
  const numbers = columns.filter((column) => column.kind === "number");
  const shares: Levels = [0.05, 0.1, 0.2, 0.3, 0.5];
  const spreads: Levels = [0.1, 0.2, 0.4, 0.6, 1];
  const swapped = graded(
    "swapped values",
    "share of values taken from other rows",
    shares,
    (x, share, stream) => {
      const result = Float32Array.from(x);
      const rows = x.length / width;
      for (let row = 0; row < rows; row++)
        for (const { at, width: own } of columns) {
          if (stream.uniform() >= share) continue;
          const from = stream.integers(rows) * width + at;
          result.set(x.subarray(from, from + own), row * width + at);
        }
      return result;
    },
  );
  const drift = graded("drift", "shift of every column, in its spread", spreads, (x, shift, stream) => {
    const result = Float32Array.from(x);
    for (const { at } of numbers) {
      const by = stream.bernoulli(0.5) ? shift : -shift;
      for (let place = at; place < x.length; place += width) result[place] += by;
    }
    return result;
  });
  const always = [graded("missing values", "share of values", shares, withMissing(pre)), swapped];
  if (numbers.length === 0) return always;
  return [
    graded("noise", "standard deviation in a column's spread", spreads, withNoise(pre)),
    ...always,
    drift,
  ];
}

/**
 * What test data are spoiled by in the noise study, at severities 1 to 5: eight kinds for images (those of Hendrycks
 * and Dietterich 2019 that need no photographs, at their levels where the size of the image does not matter, and
 * occlusion), four for tables.
 */
export const studyCorruptions = (pre: Spoilable): Corruption[] =>
  pre.kind === "image" ? imageKinds(pre) : tableKinds(pre);
