import { describe, expect, it } from "vitest";
import { asReconstruction, gaussianClusters } from "../../src/data/index.ts";
import { autoencoder } from "../../src/nn/index.ts";
import { squaredError } from "../../src/parts/losses/squaredError.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { constant as steady } from "../../src/parts/schedules/constant.ts";
import { openInline } from "../../src/runtime/index.ts";
import { planOf, train } from "../../src/training/index.ts";
import { literal, numbersOf } from "../tensor/numbers.ts";

describe("an autoencoder", () => {
  it("by hand", () => {
    const model = autoencoder([2], 1, { hidden: [2] });
    expect(model.places).toEqual(["encoder.0", "code", "decoder.0"]);
    const values = [
      literal([2, 2], 1, 0, 0, -1),
      literal([2], 0, 1),
      literal([1, 2], 2, 3),
      literal([1], -1),
      literal([2, 1], 1, -1),
      literal([2], 0, 8),
      literal([2, 2], 1, 1, 0, 2),
      literal([2], 0, 0.5),
    ];
    const weights = Object.fromEntries(model.leaves.map(({ path }, i) => [path, values[i]]));
    const { prediction, activations } = model.apply(weights, { x: literal([1, 2], 4, 5) });
    // relu(4, -5 + 1) = (4, 0); 2 4 - 1 = 7, not cut off; relu(7, -7 + 8) = (7, 1); (7 + 1, 2 + 0.5)
    expect(numbersOf(activations.code)).toEqual([7]);
    expect(numbersOf(prediction)).toEqual([8, 2.5]);
  });

  it("learns to give back points on a line through one number", async () => {
    const source = gaussianClusters({ n: 60 });
    const rows = Int32Array.from({ length: 60 }, (_, i) => i);
    const cloud = source.encode(source.fit(rows), rows);
    const x = Float32Array.from(cloud.inputs.x.data as Float32Array);
    for (let i = 0; i < 60; i++) x[2 * i + 1] = -x[2 * i];
    const data = asReconstruction({ ...cloud, inputs: { x: { ...cloud.inputs.x, data: x } as never } });
    expect([data.task, data.target.shape, data.classes]).toEqual(["regression", [60, 2], []]);
    const host = openInline();
    const plan = planOf(
      {
        model: autoencoder([2], 1, { hidden: [] }),
        optimizer: adam(),
        rate: 0.05,
        schedule: steady(),
        loss: squaredError(),
        batchSize: 20,
        epochs: 60,
      },
      data,
    );
    const { history } = await train(plan, data, 0, host);
    expect(history.at(-1)?.trainLoss).toBeLessThan(0.01);
    await host.close();
  });
});
