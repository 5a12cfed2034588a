import { stream } from "../array/random.ts";
import { OckhamError } from "../error.ts";
import { imageSource } from "./pixels.ts";
import type { Source } from "./source.ts";
import type { ToyOptions } from "./toyOptions.ts";

const classes = ["background", "disc", "square", "triangle"] as const;

/** Whether a point lies in a shape of radius r about the origin, y downward. */
const inside: Readonly<Record<number, (y: number, x: number, r: number) => boolean>> = {
  1: (y, x, r) => x * x + y * y <= r * r,
  2: (y, x, r) => Math.max(Math.abs(x), Math.abs(y)) <= 0.85 * r,
  3: (y, x, r) => y <= r / 2 && Math.abs(x) <= (y + r) * 0.6,
};

export interface ShapeOptions extends ToyOptions {
  /** Height and width of an image in pixels, at least 8; default 16. */
  readonly side?: number;
}

/**
 * Grey images with one or two shapes (disc, square, triangle) of radius 0.18 to 0.32 of the side and brightness 0.4 to 1
 * on black, with normal noise of standard deviation `noise` (default 0.2); the class of every pixel is to be told. The
 * later shape lies on top. Default: 400 images.
 */
export function shapes({ n = 400, seed = 0, noise = 0.2, side = 16 }: ShapeOptions = {}): Source {
  for (const [option, value, least] of [
    ["n", n, 10],
    ["side", side, 8],
  ] as const)
    if (!Number.isInteger(value) || value < least)
      throw bad(option, value, `a whole number of at least ${least}`);
  if (!(noise >= 0 && noise < Infinity)) throw bad("noise", noise, "a number of at least 0");
  const random = stream(seed).split("shapes");
  const area = side * side;
  const [data, masks] = [new Float32Array(n * area), new Int32Array(n * area)];
  for (let i = 0; i < n; i++) {
    for (let count = 1 + random.integers(2); count > 0; count--) {
      const kind = 1 + random.integers(3);
      const radius = side * (0.18 + 0.14 * random.uniform());
      const [y, x] = [0, 1].map(() => radius + random.uniform() * (side - 2 * radius));
      const brightness = 0.4 + 0.6 * random.uniform();
      for (let p = 0; p < area; p++)
        if (inside[kind](Math.floor(p / side) + 0.5 - y, (p % side) + 0.5 - x, radius)) {
          data[i * area + p] = brightness;
          masks[i * area + p] = kind;
        }
    }
    for (let p = i * area; p < (i + 1) * area; p++)
      data[p] = Math.min(1, Math.max(0, data[p] + noise * random.normal()));
  }
  const target = { task: "segmentation", name: "shape", classes, masks, size: [side, side] } as const;
  const notes = [`${n} images of ${side} x ${side} pixels with one or two shapes.`];
  return imageSource({ name: "shapes", target, notes }, { shape: [1, side, side], data, full: 1 });
}

const bad = (option: string, value: number, range: string) =>
  new OckhamError("bad-option", option, `${option} cannot be ${value}`, `give ${range}`);
