// Written by "npm run registry" from the folders; do not edit.
import type { Definition, Kind, PaperCard } from "./kinds/index.ts";

/** What lists and --help need to know of a member without loading it. */
export interface Entry {
  readonly id: string;
  readonly kind: Kind;
  readonly field: string;
  readonly summary: string;
  /** The docstring: what it does, and its formula. */
  readonly doc: string;
  readonly paper?: PaperCard;
  readonly options: Readonly<
    Record<
      string,
      {
        readonly default: unknown;
        readonly doc: string;
        readonly range: string;
        readonly grid: readonly unknown[];
      }
    >
  >;
  load(): Promise<Definition>;
}

export const registry: readonly Entry[] = [
  {
    id: "logistic",
    kind: "estimator",
    field: "estimators",
    summary: "multinomial logistic regression with squared coefficients as cost",
    doc: "Multinomial logistic regression with a cost on the squared coefficients.\n\n  minimize over B, b:  -sum_i weight_i log softmax(b + B x_i)[class_i] + strength / 2 |B|^2\n\nConvex, and solved to convergence: no entry of the gradient exceeds 1e-8 of the total weight (or 2000 steps of\nL-BFGS are done). The intercepts b are free of cost. Classes without training examples get probability 0. Takes\ninputs as they are encoded (scale matters), images flattened. -> class probabilities [n, classes].",
    paper: {
      id: "logistic-regression",
      title: "Ridge Estimators in Logistic Regression",
      authors: ["Saskia le Cessie", "Johannes C. van Houwelingen"],
      year: 1992,
    },
    options: {
      strength: {
        default: 1,
        doc: "cost of half the squared coefficients (lambda in the paper, 1 / C elsewhere)",
        range: "a number above 0",
        grid: [0.1, 0.3, 1, 3, 10],
      },
    },
    load: async () => (await import("./estimators/logistic.ts")).logistic as unknown as Definition,
  },
  {
    id: "nearest-neighbours",
    kind: "estimator",
    field: "estimators",
    summary: "mean answer of the closest training examples",
    doc: "Nearest neighbours: the answer of the training examples closest to the one asked about.\n\n  prediction(x) = sum_{i in N(x)} weight_i target_i / sum_{i in N(x)} weight_i\n\nN(x) are the `neighbours` examples of least Euclidean distance to x, the earlier one first among equals; all\nexamples where there are fewer. Targets of classes are one-hot, so the prediction holds their shares among the\nneighbours. Takes inputs as they are encoded (scale matters), images flattened.\n-> class probabilities [n, classes], or encoded targets [n, outputs].",
    paper: {
      id: "nearest-neighbours",
      title: "Nearest Neighbor Pattern Classification",
      authors: ["Thomas M. Cover", "Peter E. Hart"],
      year: 1967,
    },
    options: {
      neighbours: {
        default: 5,
        doc: "how many neighbours are asked (k in the paper)",
        range: "a whole number of at least 1",
        grid: [1, 3, 5, 10, 20],
      },
    },
    load: async () =>
      (await import("./estimators/nearestNeighbours.ts")).nearestNeighbours as unknown as Definition,
  },
  {
    id: "ridge",
    kind: "estimator",
    field: "estimators",
    summary: "linear regression with squared coefficients as cost",
    doc: "Ridge regression: least squares with a cost on the size of the coefficients.\n\n  minimize over B, b:  sum_i weight_i |y_i - b - B x_i|^2 + strength |B|^2\n\nSolved exactly, by the eigenvectors of the smaller of X'X and XX'. With strength 0 the strength is chosen by\ngeneralized cross-validation (Golub, Heath and Wahba, 1979), one for all outputs: the least\nn RSS / (n - trace of the hat matrix)^2 from 1e-8 to 100 times the largest eigenvalue. The intercept b is free of\ncost. Takes inputs as they are encoded (scale matters), images flattened; predicts encoded targets [n, outputs].",
    paper: {
      id: "ridge-regression",
      title: "Ridge Regression: Biased Estimation for Nonorthogonal Problems",
      authors: ["Arthur E. Hoerl", "Robert W. Kennard"],
      year: 1970,
    },
    options: {
      strength: {
        default: 0,
        doc: "cost of the squared coefficients (k in the paper); 0 chooses it",
        range: "a number of at least 0",
        grid: [0, 0.1, 1, 10, 100],
      },
    },
    load: async () => (await import("./estimators/ridge.ts")).ridge as unknown as Definition,
  },
  {
    id: "ps-kd",
    kind: "method",
    field: "compression",
    summary: "distills the model's own predictions of the epoch before, more and more",
    doc: "Progressive self-knowledge distillation: the target becomes more and more what the model itself said of the\nexample one epoch ago.\n\n  loss_i = -sum_k q_ik log p_ik        q = (1 - a) y + a p of the epoch before        a = strength (epoch + 1) / epochs\n\nSoftens labels as far as the model has found reason to, and weighs down what it already knows; helps\ncalibration. p are the predictions of training (augmented, with dropout), written down as batches pass:\n[examples, classes] numbers of memory. The first time an example is seen, q = y. Fills `losses`; in\nevaluation it is the run's own loss. Classification only: throws `conflict` else.",
    paper: {
      id: "ps-kd",
      title: "Self-Knowledge Distillation with Progressive Refinement of Targets",
      authors: ["Kyungyul Kim", "ByeongMoon Ji", "Doyoung Yoon", "Sangheum Hwang"],
      year: 2020,
      arxiv: "2006.12000",
      url: "https://github.com/lgcnsai/PS-KD-Pytorch",
      where: "eq. 4 and 6; main.py in the authors' code",
      deviations: ["an example that the first epochs left out has its label as the target until it is seen"],
    },
    options: {
      strength: {
        default: 0.8,
        doc: "weight of the earlier prediction at the end (alpha_T in the paper)",
        range: "a number from 0 to below 1",
        grid: [0.3, 0.5, 0.8],
      },
    },
    load: async () => (await import("./methods/compression/psKd.ts")).psKd as unknown as Definition,
  },
  {
    id: "adamixup",
    kind: "method",
    field: "data",
    summary: "mixes pairs in a learned range that avoids real data",
    doc: "AdaMixUp: mixes pairs in a range that a network learns, so that mixtures do not look like real data.\n\n  x <- g x1 + (1 - g) x2,  y likewise,  g = alpha + delta u,  u ~ U(0, 1);  (alpha, delta, rest) = softmax policy(x1, x2)\n  risk over mixed and unmixed rows alike + strength mean BCE(mixed or real?)\n\nThe policy is a second copy of the model, without its head, that sees a random blend of the pair. A\ndiscriminator on the model's last activation tells mixed rows from real ones (half of them not in the pairs);\npolicy and model both help it, which keeps mixtures off other classes' data. Half of each batch makes pairs, the\nother half is real data for the discriminator only. Throws `conflict` for batches of one row.",
    paper: {
      id: "adamixup",
      title: "MixUp as Locally Linear Out-Of-Manifold Regularization",
      authors: ["Hongyu Guo", "Yongyi Mao", "Richong Zhang"],
      year: 2018,
      arxiv: "1809.02499",
      url: "https://github.com/SITE5039/AdaMixUp",
      where: "section 4, two-fold mixing; the authors' code",
      deviations: [
        "mixed and unmixed rows weigh one half each, as in the code; the catalogue's card adds their losses",
        "policy and discriminator heads are one affine map each; the code has two without a nonlinearity between",
        "normal draws of the blend are limited to two standard deviations; the code draws again",
      ],
    },
    options: {
      strength: {
        default: 1,
        doc: "weight of the intrusion loss; the paper's is 1",
        range: "a number above 0",
        grid: [0.3, 1, 3],
      },
    },
    load: async () => (await import("./methods/data/adamixup.ts")).adamixup as unknown as Definition,
  },
  {
    id: "amp",
    kind: "method",
    field: "optimizers",
    summary: "takes the gradient after bounded steps uphill, array by array",
    doc: "Adversarial model perturbation: takes the gradient after steps uphill in the weights.\n\n  `steps` times: d <- d + rate g(w + d), then d <- d min(1, radius / (|d| + 1e-12))          d starts at 0\n  g <- g(w + d)\n\nThe norm is of each array alone, and only bounded: where gradients are small so is the perturbation, unlike\nin `sam`, whose radius is always used in full. Minimizing the worst loss nearby prefers flat minima.\n1 + steps gradients a step. In `amp+other`, g is what `other` makes of the gradient.",
    paper: {
      id: "amp",
      title: "Regularizing Neural Networks via Adversarial Model Perturbation",
      authors: ["Yaowei Zheng", "Richong Zhang", "Yongyi Mao"],
      year: 2020,
      arxiv: "2010.04925",
      url: "https://github.com/hiyouga/AMP-Regularizer",
      where: "algorithm 1; amp.py in the authors' code",
      deviations: [
        "batch-norm statistics are those of the first pass; the code updates them in every pass",
        "the default radius suits small networks; the code's examples use 0.5 for large ones",
      ],
    },
    options: {
      radius: {
        default: 0.1,
        doc: "largest perturbation of an array (epsilon in the paper)",
        range: "a number above 0",
        grid: [0.05, 0.1, 0.2, 0.5],
      },
      rate: {
        default: 1,
        doc: "length of a step uphill by unit of gradient (zeta in the paper)",
        range: "a number above 0",
        grid: [0.1, 0.3, 1, 3, 10],
      },
      steps: {
        default: 1,
        doc: "steps uphill (N in the paper)",
        range: "a whole number of at least 1",
        grid: [1, 2, 3],
      },
    },
    load: async () => (await import("./methods/optimizers/amp.ts")).amp as unknown as Definition,
  },
  {
    id: "gam",
    kind: "method",
    field: "optimizers",
    summary: "descends the largest gradient norm nearby along with the loss",
    doc: "Gradient norm aware minimization: descends the loss and the largest gradient norm nearby.\n\n  g0 = g(w)        g1 = g(w + inner g0/|g0|)        w' = w + radius (g1 - g0)/|g1 - g0|\n  g2 = g(w')       g3 = g(w' + inner g2/|g2|)\n  g <- n - gamma (part of o across n)        n = beta1 g1 + beta3 g3,  o = g0 + beta2 g2\n\nSmall gradients all around bound the Hessian's top eigenvalue. Four gradients a step. `exact`:\ng <- g(w) + strength radius grad |g(w')| with w' uphill in |g|, by Hessian-vector products. Norms are over all\nparameters. In `gam+other`, g is what `other` makes of the gradient.",
    paper: {
      id: "gam",
      title: "Gradient Norm Aware Minimization Seeks First-Order Flatness and Improves Generalization",
      authors: ["Xingxuan Zhang", "Renzhe Xu", "Han Yu", "Hao Zou", "Peng Cui"],
      year: 2023,
      arxiv: "2303.03108",
      url: "https://github.com/xxgege/GAM",
      where: "gam.py in the authors' code; `exact` is algorithm 1",
      deviations: [
        "defaults are the code's for ResNets on CIFAR-100 (beta0 0.5, beta1 0.6, with beta2 = 1 - beta0 and beta3 = 1 - beta1); the catalogue's card has 1 for all",
      ],
    },
    options: {
      radius: {
        default: 0.2,
        doc: "how far uphill in the gradient's norm (grad_norm_rho in the code)",
        range: "a number above 0",
        grid: [0.05, 0.1, 0.2],
      },
      inner: {
        default: 0.02,
        doc: "how far uphill in the loss (grad_rho in the code)",
        range: "a number above 0",
        grid: [0.01, 0.02, 0.04],
      },
      beta1: { default: 0.6, doc: "weight of g1", range: "a number of at least 0", grid: [0.1, 0.5, 0.6, 1] },
      beta2: { default: 0.5, doc: "weight of g2", range: "a number of at least 0", grid: [0.5, 0.7, 0.9, 1] },
      beta3: { default: 0.4, doc: "weight of g3", range: "a number of at least 0", grid: [0.4, 0.5, 0.9, 1] },
      gamma: {
        default: 0.03,
        doc: "how much of what differs from the perturbed gradients is taken back",
        range: "a number of at least 0",
        grid: [0.003, 0.009, 0.03, 0.09, 0.3],
      },
      exact: {
        default: false,
        doc: "differentiate the gradient's norm itself; only radius and strength count then",
        range: "true or false",
        grid: [true, false],
      },
      strength: {
        default: 1,
        doc: "weight of the gradient's norm in the exact form (alpha in the paper)",
        range: "a number above 0",
        grid: [0.1, 0.3, 1],
      },
    },
    load: async () => (await import("./methods/optimizers/gam.ts")).gam as unknown as Definition,
  },
  {
    id: "lawn",
    kind: "method",
    field: "optimizers",
    summary: "fixes the norm of every weight array after some free epochs",
    doc: "Logit attenuating weight normalization: after some free epochs every weight array keeps its norm.\n\n  first `epochs` epochs: as usual; then with c = |w| at that time, for each array\n  g <- g - (g.w / |w|^2) w          w <- c v / |v|,   v = w + u - (u.w / |w|^2) w,   u the optimizer's step\n\nLogits cannot grow without bound, so that the loss stays large enough to learn from; `epochs` takes the place\nof the strength of weight decay, which is left out. The learning rate rises again from zero over `warmup`\nepochs; the first warm-up and the decay are the run's schedule. Constrains weights after the last\nnormalization layer (all of them where there is none), each array by its own norm; the rest stays free.",
    paper: {
      id: "lawn",
      title: "Logit Attenuating Weight Normalization",
      authors: [
        "Aman Gupta",
        "Rohan Ramanath",
        "Jun Shi",
        "Anika Ramachandran",
        "Sirou Zhou",
        "Mingzhou Zhou",
        "S. Sathiya Keerthi",
      ],
      year: 2021,
      arxiv: "2108.05839",
      deviations: [
        "only the abstract and the introduction could be read: projections, the second warm-up and one norm an array follow the catalogue's card",
        "the first warm-up and the final decay are left to the run's schedule",
      ],
    },
    options: {
      epochs: {
        default: 3,
        doc: "epochs before the norms are fixed (E_free in the paper)",
        range: "a number of at least 0",
        grid: [1, 2, 4, 8],
      },
      warmup: {
        default: 1,
        doc: "epochs over which the rate rises again",
        range: "a number of at least 0",
        grid: [0, 1, 2],
      },
    },
    load: async () => (await import("./methods/optimizers/lawn.ts")).lawn as unknown as Definition,
  },
  {
    id: "sam",
    kind: "method",
    field: "optimizers",
    summary: "takes the gradient at the worst point nearby",
    doc: "Sharpness-aware minimization: takes the gradient where the loss is worst nearby.\n\n  e = radius g(w) / (|g(w)| + 1e-12)      g <- g(w + e)\n\nThe norm is over all parameters together. Flat minima, where this changes little, are preferred. Two\ngradients a step. In `sam+other`, g is what `other` makes of the gradient.",
    paper: {
      id: "sam",
      title: "Sharpness-Aware Minimization for Efficiently Improving Generalization",
      authors: ["Pierre Foret", "Ariel Kleiner", "Hossein Mobahi", "Behnam Neyshabur"],
      year: 2020,
      arxiv: "2010.01412",
      where: "algorithm 1",
    },
    options: {
      radius: {
        default: 0.05,
        doc: "how far the weights are moved (rho in the paper)",
        range: "a number above 0",
        grid: [0.02, 0.05, 0.1, 0.2],
      },
    },
    load: async () => (await import("./methods/optimizers/sam.ts")).sam as unknown as Definition,
  },
  {
    id: "jacobian-nuclear",
    kind: "method",
    field: "penalties",
    summary: "locally low-rank maps, by noise on the inputs and on one activation",
    doc: "Jacobian nuclear norm: makes the model locally of low rank, without a Jacobian or its singular values.\n\n  penalty = strength mean over examples of (|h(x + s e) - h(x)|^2 + |g(z + s e') - g(z)|^2) / (2 s^2)\n  model = g after h,  z = h(x),  e and e' standard normal,  s = sigma\n\nThe two terms estimate |J_h|^2 and |J_g|^2 (Frobenius), half of whose sum is at least the nuclear norm of\nJ_g J_h, and equal to it at the best factorization. The model is cut at activation `layer`, which should be at\nleast as wide as the rank sought. `samples` draws a step; two more evaluations of about the model each.\nActs on all float inputs, in their encoded unit; the prediction is the logits. Throws `conflict` for a model\nwithout activations, `unknown-name`.",
    paper: {
      id: "jacobian-nuclear",
      title: "Nuclear Norm Regularization for Deep Learning",
      authors: ["Christopher Scarvelis", "Justin Solomon"],
      year: 2024,
      arxiv: "2405.14544",
      url: "https://github.com/cscarv/nuclear-norm-reg-dl",
      where: "theorem 3.1 and eq. 6",
      deviations: [
        "the default sigma is 0.01, whose noise stays well above the rounding of float32; the authors' code has 0.001",
      ],
    },
    options: {
      strength: {
        default: 0.01,
        doc: "cost of a unit of nuclear norm (eta in the paper)",
        range: "a number above 0",
        grid: [0.001, 0.003, 0.01, 0.03, 0.1],
      },
      sigma: {
        default: 0.01,
        doc: "size of the noise, in the inputs' encoded unit",
        range: "a number above 0",
        grid: [0.003, 0.01, 0.03, 0.1],
      },
      samples: {
        default: 1,
        doc: "draws of the noise a step",
        range: "a whole number of at least 1",
        grid: [1, 2, 4],
      },
      layer: {
        default: "",
        doc: "activation at which the model is cut; the middle one where empty",
        range: "a text",
        grid: [""],
      },
    },
    load: async () =>
      (await import("./methods/penalties/jacobianNuclear.ts")).jacobianNuclear as unknown as Definition,
  },
  {
    id: "dropout",
    kind: "method",
    field: "regularizers",
    summary: "sets random activations to zero in training",
    doc: "Dropout: sets random entries of activations to zero in training.\n\n  x <- x m / (1 - probability)          m = 0 with `probability`, else 1, for every entry of its own\n\nNo unit can rely on another one being there; the trained model acts as an average of many thinned ones. The\nmean is kept, so evaluation changes nothing. All evaluations of one step see the same masks. `layer` names\none activation; unless told, all that are vectors [n, units], so no images of a convolution, whose entries\nstand in for their neighbours. Never the inputs or the prediction. Throws `unknown-name`.",
    paper: {
      id: "dropout",
      title: "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
      authors: [
        "Nitish Srivastava",
        "Geoffrey Hinton",
        "Alex Krizhevsky",
        "Ilya Sutskever",
        "Ruslan Salakhutdinov",
      ],
      year: 2014,
      url: "https://jmlr.org/papers/v15/srivastava14a.html",
      where: "section 4; scaled in training instead of in testing, as in section 10",
    },
    options: {
      probability: {
        default: 0.5,
        doc: "chance that an entry is set to zero (1 - p in the paper)",
        range: "a number from 0 to below 1",
        grid: [0.05, 0.1, 0.2, 0.3, 0.5],
      },
      layer: {
        default: "",
        doc: "name of the activation; all fully connected ones where empty",
        range: "a text",
        grid: [""],
      },
    },
    load: async () => (await import("./methods/regularizers/dropout.ts")).dropout as unknown as Definition,
  },
  {
    id: "early-stopping",
    kind: "method",
    field: "regularizers",
    summary: "ends training when the validation loss stops improving, and restores the best epoch",
    doc: "Early stopping: ends training once the validation loss has not improved for `epochs` epochs, and goes back to\nthe parameters of the best epoch.\n\n  stop when min over the last `epochs` epochs of L_validation >= min over all epochs before\n\nKeeps the weights near where they began, much as weight decay does, at the price of data held out. The loss\nis the mean of the run's losses by example in evaluation mode. Where training ends first, the best epoch is\nrestored too. All it knows is in its state, so a resumed run goes on as if unbroken. Throws `conflict`\nwithout validation data.",
    paper: {
      id: "early-stopping",
      title: "Early Stopping - But When?",
      authors: ["Lutz Prechelt"],
      year: 1998,
      where: "criterion UP, counted against the best epoch instead of the one before",
    },
    options: {
      epochs: {
        default: 10,
        doc: "epochs without improvement before training ends (the patience)",
        range: "a whole number of at least 1",
        grid: [5, 10, 20],
      },
    },
    load: async () =>
      (await import("./methods/regularizers/earlyStopping.ts")).earlyStopping as unknown as Definition,
  },
  {
    id: "l1-prox",
    kind: "method",
    field: "regularizers",
    summary: "soft thresholding of weights after every step (sparse lasso)",
    doc: "Lasso by proximal steps: after the optimizer's step every weight moves toward zero, and stays there when it\narrives.\n\n  w <- sign(w) max(|w| - rate strength, 0)\n\nMinimizes the same objective as the penalty `l1`, but leaves exact zeros, which can be counted and pruned.\nWith optimizers that rescale gradients the shrinking is not rescaled. Acts on weights, not on biases and gains.",
    paper: {
      id: "fobos",
      title: "Efficient Online and Batch Learning Using Forward Backward Splitting",
      authors: ["John Duchi", "Yoram Singer"],
      year: 2009,
      where: "section 5.1",
    },
    options: {
      strength: {
        default: 0.001,
        doc: "cost of one unit of weight (lambda in the paper)",
        range: "a number above 0",
        grid: [0.0001, 0.0003, 0.001, 0.003, 0.01],
      },
    },
    load: async () => (await import("./methods/regularizers/l1Prox.ts")).l1Prox as unknown as Definition,
  },
  {
    id: "weight-decay",
    kind: "method",
    field: "regularizers",
    summary: "shrinks weights by a share of themselves at every step (AdamW)",
    doc: "Decoupled weight decay: shrinks every weight by a share of itself, beside the optimizer's step.\n\n  w <- optimizer(w, g) - rate strength w          w on the right: before the step\n\nUnlike the gradient of `l2` it is not rescaled by Adam's moments, so that all weights decay at one pace; with\n`adam` this is AdamW, with `sgd` nearly the same as `l2`. The rate is the scheduled one, so decay fades with\nit. Acts on weights, not on biases and gains.",
    paper: {
      id: "adamw",
      title: "Decoupled Weight Decay Regularization",
      authors: ["Ilya Loshchilov", "Frank Hutter"],
      year: 2017,
      arxiv: "1711.05101",
      where: "algorithm 2",
      deviations: ["times the whole learning rate, as in PyTorch; the paper's factor is the schedule alone"],
    },
    options: {
      strength: {
        default: 0.01,
        doc: "share of a weight lost in a step at rate 1 (lambda in the paper)",
        range: "a number above 0",
        grid: [0.001, 0.003, 0.01, 0.03, 0.1],
      },
    },
    load: async () =>
      (await import("./methods/regularizers/weightDecay.ts")).weightDecay as unknown as Definition,
  },
  {
    id: "clip-norm",
    kind: "gradient",
    field: "gradients",
    summary: "shortens gradients that are longer than a threshold",
    doc: "Clips the gradient to a norm.\n\n  g <- threshold / |g| g          where |g| >= threshold; the norm of all parameters together\n\nKeeps the direction and bounds the step where the loss has a cliff, as recurrent networks do. A threshold of\n0.5 to 10 times the usual norm of the gradient is customary; below the usual norm it is a rate that ignores\nthe gradient's length. Comes after the gradient of all methods and before the optimizer.",
    paper: {
      id: "pascanu-clip-omega",
      title: "On the difficulty of training Recurrent Neural Networks",
      authors: ["Razvan Pascanu", "Tomas Mikolov", "Yoshua Bengio"],
      year: 2012,
      arxiv: "1211.5063",
      where: "algorithm 1",
    },
    options: {
      threshold: {
        default: 1,
        doc: "longest gradient that passes unchanged",
        range: "a number above 0",
        grid: [0.1, 0.3, 1, 3, 10],
      },
    },
    load: async () => (await import("./parts/gradients/clipNorm.ts")).clipNorm as unknown as Definition,
  },
  {
    id: "cross-entropy",
    kind: "loss",
    field: "losses",
    summary: "negative log likelihood of the class under softmax",
    doc: "Cross entropy of logits with class probabilities.\n\n  loss_i = -sum_k target_ik log softmax(prediction_i)_k\n\nThe default for classification. Targets may be soft, so that mixed and smoothed labels need no loss of\ntheir own. prediction, target [n, classes] -> [n], in nats.",
    options: {},
    load: async () => (await import("./parts/losses/crossEntropy.ts")).crossEntropy as unknown as Definition,
  },
  {
    id: "squared-error",
    kind: "loss",
    field: "losses",
    summary: "mean squared difference to the target",
    doc: "Squared error.\n\n  loss_i = mean over outputs of (prediction_ij - target_ij)^2\n\nThe default for regression; its best constant is the mean. prediction, target [n, outputs] -> [n], in the\nsquare of the target's encoded unit.",
    options: {},
    load: async () => (await import("./parts/losses/squaredError.ts")).squaredError as unknown as Definition,
  },
  {
    id: "adam",
    kind: "optimizer",
    field: "optimizers",
    summary: "steps scaled by running moments of the gradient",
    doc: "Adam: steps of about `rate` in every coordinate, whatever the scale of its gradient.\n\n  m <- beta1 m + (1 - beta1) g        m^ = m / (1 - beta1^t)\n  v <- beta2 v + (1 - beta2) g^2      v^ = v / (1 - beta2^t)\n  w <- w - rate m^ / (sqrt(v^) + epsilon)\n\nt counts from 1. Without weight decay; combine it with `weight-decay`, which then is AdamW.",
    paper: {
      id: "adam",
      title: "Adam: A Method for Stochastic Optimization",
      authors: ["Diederik P. Kingma", "Jimmy Ba"],
      year: 2014,
      arxiv: "1412.6980",
      where: "algorithm 1",
    },
    options: {
      beta1: {
        default: 0.9,
        doc: "share of the past kept in the mean",
        range: "a number from 0 to below 1",
        grid: [0.8, 0.9, 0.95],
      },
      beta2: {
        default: 0.999,
        doc: "share of the past kept in the mean square",
        range: "a number from 0 to below 1",
        grid: [0.99, 0.999],
      },
      epsilon: {
        default: 1e-8,
        doc: "keeps the division finite",
        range: "a number above 0",
        grid: [1e-9, 3e-9, 1e-8, 3e-8, 1e-7],
      },
    },
    load: async () => (await import("./parts/optimizers/adam.ts")).adam as unknown as Definition,
  },
  {
    id: "sgd",
    kind: "optimizer",
    field: "optimizers",
    summary: "gradient descent with momentum",
    doc: "Gradient descent with momentum.\n\n  v <- momentum v + g          (v starts at 0)\n  w <- w - rate v              nesterov: w <- w - rate (g + momentum v)\n\nThe momentum is undamped, as in PyTorch: with momentum m the steps are 1 / (1 - m) times as long in the end.",
    paper: {
      id: "momentum",
      title: "Some methods of speeding up the convergence of iteration methods",
      authors: ["Boris Polyak"],
      year: 1964,
    },
    options: {
      momentum: {
        default: 0.9,
        doc: "share of the past direction that is kept",
        range: "a number from 0 to below 1",
        grid: [0, 0.5, 0.9, 0.95],
      },
      nesterov: {
        default: false,
        doc: "look ahead along the direction, after Nesterov",
        range: "true or false",
        grid: [true, false],
      },
    },
    load: async () => (await import("./parts/optimizers/sgd.ts")).sgd as unknown as Definition,
  },
  {
    id: "sgd-sai",
    kind: "optimizer",
    field: "optimizers",
    summary: "momentum with rates scaled by the first gradient's signal-to-noise",
    doc: "SGD with learning rates scaled once, at the first step.\n\n  s_p = G_p / max over arrays of G          G_p = |g_p| / (std(g_p) + epsilon) of the first gradient\n  m <- momentum m + (1 - momentum) g        (m = g at the first step)\n  w <- w - rate s_p m\n\nG is about the square root of an array's size, so that matrices take longer steps than gains and biases. One\nbuffer and one number an array: half of Adam's memory. The first batch sets the scales for the whole run.\nWithout weight decay; combine it with `weight-decay`, as the authors do (0.01).",
    paper: {
      id: "sgd-sai",
      title: "No More Adam: Learning Rate Scaling at Initialization is All You Need",
      authors: ["Minghao Xu", "Lichuan Xiang", "Xu Cai", "Hongkai Wen"],
      year: 2024,
      arxiv: "2412.11768",
      url: "https://github.com/AnonymousAlethiometer/SGD_SaI",
      where: "sgd_sai.py, branch 1.0.4",
      deviations: [
        "arrays of one entry have G = 1; the code divides their gradient by epsilon alone, so that they would take the largest step and all others almost none",
        "the released package (1.0.3) does not divide by the largest G: the same with a rate that much larger",
        "weight decay is a method of its own",
      ],
    },
    options: {
      momentum: {
        default: 0.9,
        doc: "share of the past kept in the mean gradient (mu in the paper)",
        range: "a number from 0 to below 1",
        grid: [0, 0.5, 0.9, 0.95],
      },
      epsilon: {
        default: 1e-8,
        doc: "keeps the division finite",
        range: "a number above 0",
        grid: [1e-9, 3e-9, 1e-8, 3e-8, 1e-7],
      },
    },
    load: async () => (await import("./parts/optimizers/sgdSai.ts")).sgdSai as unknown as Definition,
  },
  {
    id: "weight-compander",
    kind: "parametrization",
    field: "parametrizations",
    summary: "weights from free variables through a bounded curve",
    doc: "Weight compander: weights come from free variables through a curve that pushes small ones away from zero and\nbounds large ones.\n\n  w = a arctan(v / b)          so |w| < a pi / 2, and slope a / b at zero\n\na and b are one pair a layer, kept as logarithms and learned at a tenth of the rate (`learn`). At first\nb = 2 std(w) of the usual initial weights, a = `gain` b, and v such that w is those weights, as far as they\nstay within 0.95 of the bound. Penalties see w, weight decay acts on v. `tanh` saturates sooner.",
    paper: {
      id: "weight-compander",
      title: "Weight Compander: A Simple Weight Reparameterization for Regularization",
      authors: ["Rinor Cakaj", "Jens Mehnert", "Bin Yang"],
      year: 2023,
      arxiv: "2306.16993",
      deviations: [
        "only the abstract could be read, which asks for a learned nonlinear function that bounds large weights and moves small ones from zero: the curve, its constants and one pair a layer are the catalogue's",
        "the rate of a and b, and the start from the usual initial weights, are ours, and so is `tanh`",
      ],
    },
    options: {
      shape: {
        default: "arctan",
        doc: "the curve (Psi in the paper)",
        range: '"arctan" or "tanh"',
        grid: ["arctan", "tanh"],
      },
      gain: {
        default: 1.2,
        doc: "slope of the curve at zero to begin with (a / b)",
        range: "a number above 0",
        grid: [0.8, 1, 1.2, 1.5, 2],
      },
      learn: {
        default: true,
        doc: "learn a and b of every layer",
        range: "true or false",
        grid: [true, false],
      },
    },
    load: async () =>
      (await import("./parts/parametrizations/weightCompander.ts")).weightCompander as unknown as Definition,
  },
  {
    id: "gor",
    kind: "penalty",
    field: "penalties",
    summary: "orthonormal filters within groups",
    doc: 'Group orthogonalization: filters are drawn toward orthonormality, but only within small sets.\n\n  value(w) = strength sum over sets V of |V V^T - I|^2          |V^T V - I|^2 where V has no fewer rows than columns\n\nThe filters of a layer (rows of its kernel, flattened) are cut into N consecutive groups, N = `groups` or as\nmany as leave `filters` filters in each. The sets are the groups ("inter"), or the i-th filters of all groups\n("intra"). Filters of one set learn different things, at 1 / N of the cost of comparing all with all.',
    paper: {
      id: "gor",
      title: "Group Orthogonalization Regularization For Vision Models Adaptation and Robustness",
      authors: ["Yoav Kurtz", "Noga Bar", "Raja Giryes"],
      year: 2023,
      arxiv: "2306.10001",
      url: "https://github.com/YoavKurtz/GOR",
      where: "weight_regularization.py in the authors' code",
      deviations: [
        "where the number of units is not divisible by the number of groups, fewer groups are made; the code stops",
        "layers with fewer units than `filters` are one group; the code divides by zero",
      ],
    },
    options: {
      strength: {
        default: 0.01,
        doc: "cost of a squared unit of correlation (lambda in the paper)",
        range: "a number above 0",
        grid: [0.001, 0.003, 0.01, 0.03, 0.1],
      },
      groups: {
        default: 32,
        doc: "largest number of groups in a layer (N in the paper)",
        range: "a whole number of at least 1",
        grid: [4, 8, 32],
      },
      filters: {
        default: 4,
        doc: "smallest number of filters in a group",
        range: "a whole number of at least 1",
        grid: [2, 4, 8],
      },
      mode: {
        default: "inter",
        doc: "compare within a group, or the i-th filters of all groups",
        range: '"inter" or "intra"',
        grid: ["inter", "intra"],
      },
      layers: {
        default: "conv",
        doc: "convolutions only, or dense layers too",
        range: '"conv" or "all"',
        grid: ["conv", "all"],
      },
    },
    load: async () => (await import("./parts/penalties/gor.ts")).gor as unknown as Definition,
  },
  {
    id: "l1",
    kind: "penalty",
    field: "penalties",
    summary: "sum of absolute weights (lasso)",
    doc: "Lasso: draws every weight toward zero by the same amount.\n\n  value(w) = strength sum_i |w_i|\n  prox(w, step) = sign(w) max(|w| - step strength, 0)\n\nAs a penalty it shrinks weights but leaves none exactly at zero; `l1-prox` does. Large weights are shrunk as\nmuch as small ones, which biases them. Acts on weights of any shape, entry by entry.",
    paper: {
      id: "lasso",
      title: "Regression Shrinkage and Selection via the Lasso",
      authors: ["Robert Tibshirani"],
      year: 1996,
    },
    options: {
      strength: {
        default: 0.0001,
        doc: "cost of one unit of weight (lambda in the paper)",
        range: "a number above 0",
        grid: [0.00001, 0.00003, 0.0001, 0.0003, 0.001],
      },
    },
    load: async () => (await import("./parts/penalties/l1.ts")).l1 as unknown as Definition,
  },
  {
    id: "l2",
    kind: "penalty",
    field: "penalties",
    summary: "half the sum of squared weights (ridge)",
    doc: "Ridge: draws every weight toward zero in proportion to its size.\n\n  value(w) = strength / 2 sum_i w_i^2\n  prox(w, step) = w / (1 + step strength)\n\nIts gradient is strength w. Under plain gradient descent that is weight decay; under optimizers that rescale\ngradients (Adam) it is not, and `weight-decay` is the decoupled form. Shrinks, but makes nothing sparse.\nActs on weights of any shape, entry by entry.",
    paper: {
      id: "ridge",
      title: "Ridge Regression: Biased Estimation for Nonorthogonal Problems",
      authors: ["Arthur E. Hoerl", "Robert W. Kennard"],
      year: 1970,
      deviations: [
        "with the factor 1/2, so that the gradient is strength w, as weight decay is usually quoted",
      ],
    },
    options: {
      strength: {
        default: 0.0001,
        doc: "cost of half a squared unit of weight (lambda or k in the paper)",
        range: "a number above 0",
        grid: [0.00001, 0.00003, 0.0001, 0.0003, 0.001],
      },
    },
    load: async () => (await import("./parts/penalties/l2.ts")).l2 as unknown as Definition,
  },
  {
    id: "norm-loss",
    kind: "penalty",
    field: "penalties",
    summary: "draws the weight vector of every unit toward norm one",
    doc: "Norm loss: draws the incoming weights of every output unit toward norm `target`.\n\n  value(w) = strength sum_c (target - |w_c|)^2          w_c: all weights into unit (or filter) c\n\nUsed in place of weight decay: long vectors shrink, short ones grow, none vanish. The weights stay near the\noblique manifold (unit rows), which fixes the scale that normalized layers leave free, so that results depend\nlittle on `strength`. Acts on dense and convolution kernels along their output axis; at |w_c| = 0 the\ngradient is taken as zero.",
    paper: {
      id: "norm-loss",
      title: "Norm Loss: An efficient yet effective regularization method for deep neural networks",
      authors: ["Theodoros Georgiou", "Sebastian Schmitt", "Thomas Bäck", "Wei Chen", "Michael Lew"],
      year: 2021,
      arxiv: "2103.06583",
      deviations: [
        "the paper's own strength could not be checked; a PyTorch port (Ranger21) uses 1e-4 a step",
      ],
    },
    options: {
      strength: {
        default: 0.01,
        doc: "cost of a squared unit of norm (lambda in the paper)",
        range: "a number above 0",
        grid: [0.001, 0.003, 0.01, 0.03, 0.1],
      },
      target: {
        default: 1,
        doc: "norm that each unit's weights are drawn to; the paper's is 1",
        range: "a number above 0",
        grid: [0.5, 1, 2],
      },
    },
    load: async () => (await import("./parts/penalties/normLoss.ts")).normLoss as unknown as Definition,
  },
  {
    id: "orthogonal-conv",
    kind: "penalty",
    field: "penalties",
    summary: "convolutions as orthogonal maps of whole images",
    doc: "Draws each convolution, as a linear map of whole images, toward an orthogonal one: all singular values 1.\n\n  value(w) = strength (|conv(w, w) - I0|^2 - max(0, M - C stride^2))       w [M, C, k, k]\n\nconv(w, w) has stride `stride` and as much padding as the kernel meets itself, I0 is 1 where a filter meets itself\nunmoved. For circular padding and images of at least 2 k - 1 this is the map's |K K^T - I|^2 (|K^T K - I|^2 where it\nhas more rows than columns) divided by the number of places, at a cost that does not depend on them. `stride` is that\nof the layers; `orthogonalConvExists` says where zero can be reached. Layers that pad with zeros come only near.",
    paper: {
      id: "orthogonal-conv",
      title: "Existence, Stability and Scalability of Orthogonal Convolutional Neural Networks",
      authors: ["El Mehdi Achour", "François Malgouyres", "Franck Mamalet"],
      year: 2022,
      arxiv: "2108.05623",
      where: "definition 2 and theorems 4 to 7",
    },
    options: {
      strength: {
        default: 0.1,
        doc: "cost of the squared distance (lambda in the paper)",
        range: "a number above 0",
        grid: [0.01, 0.03, 0.1, 0.3, 1],
      },
      stride: {
        default: 1,
        doc: "stride of the convolutions it acts on (S in the paper)",
        range: "a whole number of at least 1",
        grid: [1, 2],
      },
    },
    load: async () =>
      (await import("./parts/penalties/orthogonalConv.ts")).orthogonalConv as unknown as Definition,
  },
  {
    id: "worst",
    kind: "risk",
    field: "risks",
    summary: "mean of the largest losses of a batch, leaving out the easiest share",
    doc: "Mean of the largest losses of a batch (conditional value at risk).\n\n  risk = mean of the ceil((1 - share) n) largest losses\n\nTraining looks at the hard examples only, which protects small groups and is hurt by wrong labels.\nlosses [n] -> scalar; `share` of the batch, the easiest, is left out.",
    paper: {
      id: "cvar",
      title: "Optimization of conditional value-at-risk",
      authors: ["R. Tyrrell Rockafellar", "Stanislav Uryasev"],
      year: 2000,
      where: "eq. 4, on the empirical distribution of a batch",
    },
    options: {
      share: {
        default: 0.5,
        doc: "share of the batch that is left out (alpha in the paper)",
        range: "a number from 0 to below 1",
        grid: [0.05, 0.1, 0.2, 0.3, 0.5],
      },
    },
    load: async () => (await import("./parts/risks/worst.ts")).worst as unknown as Definition,
  },
  {
    id: "constant",
    kind: "schedule",
    field: "schedules",
    summary: "the learning rate stays as it is",
    doc: "A constant learning rate.\n\n  factor(count) = 1\n\nKeeps exploring to the end: the last steps are as long as the first, and the loss keeps its noise.",
    options: {},
    load: async () => (await import("./parts/schedules/constant.ts")).constant as unknown as Definition,
  },
  {
    id: "cosine",
    kind: "schedule",
    field: "schedules",
    summary: "linear warm-up, then half a cosine down to zero",
    doc: "Half a cosine down to zero after a linear warm-up.\n\n  factor(count) = (count + 1) / w                              while count < w = warmup steps\n                  (1 + cos(pi (count - w) / (steps - w))) / 2   beyond\n\nLarge steps while far from a solution, small ones at the end. `warmup` is a share of the run.",
    paper: {
      id: "sgdr",
      title: "SGDR: Stochastic Gradient Descent with Warm Restarts",
      authors: ["Ilya Loshchilov", "Frank Hutter"],
      year: 2016,
      arxiv: "1608.03983",
      where: "eq. 5, without restarts",
    },
    options: {
      warmup: {
        default: 0,
        doc: "share of the run in which the rate rises linearly",
        range: "a number from 0 to below 1",
        grid: [0.05, 0.1, 0.2, 0.3, 0.5],
      },
    },
    load: async () => (await import("./parts/schedules/cosine.ts")).cosine as unknown as Definition,
  },
  {
    id: "cutout",
    kind: "transform",
    field: "transforms",
    summary: "blanks out one random square of every image",
    doc: "Cutout: blanks out one random square of every image.\n\n  x[:, y - size/2 .. y + size/2, x - size/2 .. x + size/2] <- blank          (y, x) any pixel, one an image\n\nThe model must not rely on a single part of the object. Squares are clipped at the border, so that many cut\noff less; the paper found this important. `blank` is what a missing entry is encoded as (`about.blank`), the\nsame in all channels. Takes images [n, channels, height, width]; throws `conflict` for tables.",
    paper: {
      id: "cutout",
      title: "Improved Regularization of Convolutional Neural Networks with Cutout",
      authors: ["Terrance DeVries", "Graham W. Taylor"],
      year: 2017,
      arxiv: "1708.04552",
      url: "https://github.com/uoguelph-mlrg/Cutout",
      where: "section 3.2; util/cutout.py, one hole",
      deviations: [
        "a square of odd size is as large as told; the code rounds half its side down on both sides",
        "the default size suits 8 x 8 images; the paper's are 16 (CIFAR-10), 8 (CIFAR-100) and 20 (SVHN) of 32",
      ],
    },
    options: {
      size: {
        default: 4,
        doc: "side of the square in pixels (length in the code)",
        range: "a whole number of at least 1",
        grid: [2, 3, 4, 6],
      },
    },
    load: async () => (await import("./parts/transforms/cutout.ts")).cutout as unknown as Definition,
  },
  {
    id: "label-smoothing",
    kind: "transform",
    field: "transforms",
    summary: "spreads some of each label over all classes",
    doc: "Label smoothing: takes some certainty from the label and spreads it over all classes.\n\n  y <- (1 - strength) y + strength / classes\n\nLogits then have no reason to grow without bound, which helps calibration; it hides how wrong classes\nresemble each other, which hurts distillation from the model. Inputs stay as they are. Classification only.",
    paper: {
      id: "label-smoothing",
      title: "Rethinking the Inception Architecture for Computer Vision",
      authors: [
        "Christian Szegedy",
        "Vincent Vanhoucke",
        "Sergey Ioffe",
        "Jonathon Shlens",
        "Zbigniew Wojna",
      ],
      year: 2015,
      arxiv: "1512.00567",
      where: "section 7, with the uniform distribution",
    },
    options: {
      strength: {
        default: 0.1,
        doc: "share of the label that is spread (epsilon in the paper)",
        range: "a number from 0 to below 1",
        grid: [0.05, 0.1, 0.2, 0.3],
      },
    },
    load: async () =>
      (await import("./parts/transforms/labelSmoothing.ts")).labelSmoothing as unknown as Definition,
  },
  {
    id: "mixup",
    kind: "transform",
    field: "transforms",
    summary: "trains on blends of two examples and of their labels",
    doc: "Trains on blends of two examples and of their labels.\n\n  x <- g x + (1 - g) x'     y <- g y + (1 - g) y'     g ~ Beta(strength, strength), one for the batch\n\nx' is the batch in random order. The model is asked to be linear between examples, which softens its\nconfidence away from the data. All inputs of a batch are mixed with the same pairs; regression targets too.",
    paper: {
      id: "mixup",
      title: "mixup: Beyond Empirical Risk Minimization",
      authors: ["Hongyi Zhang", "Moustapha Cisse", "Yann N. Dauphin", "David Lopez-Paz"],
      year: 2017,
      arxiv: "1710.09412",
      where: "section 2; one g a batch and pairs from a permutation, as in the authors' code",
    },
    options: {
      strength: {
        default: 0.2,
        doc: "both parameters of the Beta distribution (alpha in the paper)",
        range: "a number above 0",
        grid: [0.1, 0.2, 0.4, 1, 2],
      },
    },
    load: async () => (await import("./parts/transforms/mixup.ts")).mixup as unknown as Definition,
  },
];
