import { fromNested } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import { type About, type Batch, positive, transform } from "../../kinds/index.ts";
import {
  add,
  and,
  beta,
  cast,
  constant,
  div,
  floor,
  fold,
  gather,
  greaterEqual,
  integers,
  iota,
  type Key,
  keyOf,
  less,
  max,
  mean,
  min,
  mul,
  permutation,
  reshape,
  scalar,
  sqrt,
  sub,
  type Tensor,
  where,
} from "../../tensor/index.ts";

/** First and one past the last pixel of a box along an axis: half of floor(side sqrt(1 - kept)), rounded down, to both sides of the centre, clipped. */
export function extent(kept: Tensor, centre: Tensor, side: number): readonly [Tensor, Tensor] {
  const cut = floor(mul(side, sqrt(sub(1, kept))));
  const half = cast(floor(div(cut, 2)), "int32");
  return [max(sub(centre, half), 0), min(add(centre, half), side)];
}

/** Whether a pixel [height, width] lies in one box for the whole batch, and the share of pixels that do not. */
function boxOf(key: Key, kept: Tensor, height: number, width: number): readonly [Tensor, Tensor] {
  const along = (axis: string, side: number) => {
    const [from, to] = extent(kept, integers(fold(key, axis), side, []), side);
    const inside = and(greaterEqual(iota(side), from), less(iota(side), to));
    return { inside, length: cast(sub(to, from), "float32") };
  };
  const [rows, columns] = [along("row", height), along("column", width)];
  const inside = and(reshape(rows.inside, [height, 1]), reshape(columns.inside, [1, width]));
  return [inside, sub(1, div(mul(rows.length, columns.length), height * width))];
}

/**
 * CutMix: pastes a box of one image into another, and mixes their labels by area.
 *
 *   x <- x outside the box, x' inside     y <- g y + (1 - g) y'     g = share of pixels outside
 *
 * x' is the batch in random order; one box a batch, of sides sqrt(1 - h), h ~ Beta(strength, strength), about any
 * pixel, clipped at the border. Unlike cutout no pixel is wasted, unlike mixup every part of an image is a real one.
 * Targets with a class a pixel [n, height, width, classes] are pasted as the images are. Takes images; throws
 * `conflict` for tables.
 */
export const cutmix = transform("cutmix", {
  summary: "pastes a box of one image into another, labels mixed by area",
  paper: {
    id: "cutmix",
    title: "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features",
    authors: [
      "Sangdoo Yun",
      "Dongyoon Han",
      "Seong Joon Oh",
      "Sanghyuk Chun",
      "Junsuk Choe",
      "Youngjoon Yoo",
    ],
    year: 2019,
    arxiv: "1905.04899",
    url: "https://github.com/clovaai/CutMix-PyTorch",
    where: "section 3.1; rand_bbox and train in train.py",
    deviations: ["every batch is mixed, as on ImageNet; the authors' runs on CIFAR mix every second one"],
  },
  options: {
    strength: positive(1, "both parameters of the Beta distribution (alpha in the paper)", [0.3, 0.5, 1, 2]),
  },
  examples: [
    {
      value: (made) => {
        const levels = constant(fromNested([[0], [1], [2], [4]]));
        const images = add(
          reshape(levels, [4, 1, 1, 1]),
          constant(fromNested([[Array(6).fill(Array(5).fill(0))]])),
        );
        const batch: Batch = { inputs: { x: images }, target: levels, index: iota(4) };
        const mixed = made(batch, keyOf([1, 2]), { about: {} as About, progress: scalar(0) });
        return sub(mean(reshape(mixed.inputs.x, [4, 30]), { axes: [1], keep: true }), mixed.target);
      },
      output: [[0], [0], [0], [0]],
      tolerance: 1e-5,
      source:
        "by definition: labels are mixed by the share of pixels, so an image of one level has it as its mean",
    },
  ],
  create:
    ({ strength }) =>
    (batch, key) => {
      const images = Object.entries(batch.inputs).filter(([, x]) => x.shape.length === 4);
      if (images.length === 0)
        throw new OckhamError(
          "conflict",
          "cutmix",
          "cutmix pastes boxes of images, and this data has none",
          "leave it out for tables; mixup is the like for them",
        );
      const n = batch.target.shape[0];
      const order = permutation(fold(key, "pairs"), n);
      const kept = beta(fold(key, "share"), strength, strength, []);
      const boxes = images.map(([, x]) => boxOf(key, kept, x.shape[2], x.shape[3]));
      const pasted = (x: Tensor, inside: Tensor) => where(inside, gather(x, order), x);
      const [[box, outside]] = boxes;
      const blended = (y: Tensor) => add(mul(outside, y), mul(sub(1, outside), gather(y, order)));
      const pixels = batch.target.shape.length === 4;
      return {
        ...batch,
        inputs: {
          ...batch.inputs,
          ...Object.fromEntries(images.map(([name, x], i) => [name, pasted(x, boxes[i][0])])),
        },
        target: pixels ? pasted(batch.target, reshape(box, [...box.shape, 1])) : blended(batch.target),
      };
    },
});
