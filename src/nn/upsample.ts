import { broadcast, reshape, slice, type Tensor } from "../tensor/index.ts";
import { type ModuleOf, stateless } from "./module.ts";

/** Every pixel of [n, c, h, w] as a square of factor x factor: nearest-neighbour up-sampling. */
function enlarged(x: Tensor, factor: number): Tensor {
  const [n, c, h, w] = x.shape;
  const wide = broadcast(reshape(x, [n, c, h, 1, w, 1]), [n, c, h, factor, w, factor]);
  return reshape(wide, [n, c, factor * h, factor * w]);
}

/** Nearest-neighbour up-sampling of images [c, h, w] to [c, factor h, factor w]. */
export const upsample = (factor: number): ModuleOf =>
  stateless(
    ([c, h, w]) => [c, factor * h, factor * w],
    (x) => enlarged(x, factor),
  );

/** Images doubled, then cut to a size: undoes pooling by two that rounded up. */
export const doubledTo = ([height, width]: readonly number[]): ModuleOf =>
  stateless(
    ([c]) => [c, height, width],
    (x) => slice(slice(enlarged(x, 2), 2, 0, height), 3, 0, width),
  );
