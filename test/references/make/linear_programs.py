"""linear-programs.json: linear programs, and least maximum norms under linear equations, as SciPy solves them (HiGHS)."""

import numpy as np
import scipy
from scipy.optimize import linprog
from common import grid, write

rng = np.random.default_rng(3)
tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


def program(m, n):
    """Feasible, as b = A x for some x >= 0, and bounded, as c = A'y + s for some s >= 0."""
    a = grid(rng, m, n).numpy()
    b = a @ np.round(rng.uniform(0, 2, n) * 64) / 64
    c = a.T @ np.round(rng.normal(size=m) * 8) / 8 + np.round(rng.uniform(0, 1, n) * 64) / 64
    found = linprog(c, A_eq=a, b_eq=b, bounds=(0, None), method="highs", options=tight)
    assert found.status == 0
    return {
        "name": f"{m} of {n}",
        "options": {},
        "inputs": {"c": c, "A": a, "b": b},
        "x": found.x,
        "value": found.fun,
    }


def least_maximum(m, n, signs):
    """min t, -t <= x <= t, A x = b: free variables and inequalities, as SciPy takes them."""
    a = grid(rng, m, n).numpy()
    b = a @ (np.sign(rng.normal(size=n)) if signs else grid(rng, n).numpy())
    eye, one = np.eye(n), np.ones((n, 1))
    found = linprog(
        np.append(np.zeros(n), 1),
        A_ub=np.block([[eye, -one], [-eye, -one]]),
        b_ub=np.zeros(2 * n),
        A_eq=np.hstack([a, np.zeros((m, 1))]),
        b_eq=b,
        bounds=(None, None),
        method="highs",
        options=tight,
    )
    assert found.status == 0
    return {
        "name": f"least maximum, {m} of {n}{', signs' if signs else ''}",
        "options": {},
        "inputs": {"A": a, "b": b},
        "x": found.x[:n],
        "value": found.fun,
    }


write(
    "linear-programs",
    {
        "tool": "SciPy",
        "version": scipy.__version__,
        "script": "test/references/make/linear_programs.py",
        "note": "optimize.linprog, method highs: minimize c'x, A x = b, x >= 0; and minimize max |x|, A x = b. float64",
    },
    [program(3, 6), program(8, 20), program(1, 4)]
    + [least_maximum(2, 5, False), least_maximum(6, 12, False), least_maximum(9, 12, True)],
)
