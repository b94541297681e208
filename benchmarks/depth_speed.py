"""Equal-area splines of many profiles at once against a loop over profiles with the published matrices.

python benchmarks/depth_speed.py
"""

import time

import numpy as np
import pandas as pd

from hybridmap.observations.depth.intervals import DepthRules, interval_means

PROFILES, LOOPED = 200_000, 5_000


def layers(profiles: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    count = random.integers(2, 9, profiles)
    thickness = random.uniform(5, 30, count.sum())
    bottom = np.cumsum(thickness)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    start = np.repeat((bottom - thickness)[first], count)
    site = np.repeat(np.arange(profiles), count)
    y = random.uniform(1, 50, len(thickness))
    return pd.DataFrame({"site_id": site, "top_cm": bottom - thickness - start, "bottom_cm": bottom - start, "y": y})


def loop(table: pd.DataFrame) -> None:
    """The usual way: matrices of one profile after the other."""
    for _, rows in table.groupby("site_id"):
        top, bottom, y = (rows[c].to_numpy() for c in ("top_cm", "bottom_cm", "y"))
        n, d, g = len(y), bottom - top, top[1:] - bottom[:-1]
        r = np.diag(2 * (d[1:] + d[:-1]) + 6 * g) + np.diag(d[1:-1], 1) + np.diag(d[1:-1], -1)
        q = np.eye(n - 1, n, 1) - np.eye(n - 1, n)
        inverse = np.linalg.inv(r)
        mean = np.linalg.solve(np.eye(n) + 0.6 * n * q.T @ inverse @ q, y)
        b = np.concatenate([[0.0], 6 * inverse @ q @ mean, [0.0]])
        gamma = (b[1:] - b[:-1]) / (2 * d)
        alpha = mean - b[:-1] * d / 2 - gamma * d**2 / 3
        t1 = bottom.clip(0, 30) - top
        t0 = top.clip(0, 30) - top
        whole = [t * (alpha + t * (b[:-1] / 2 + t * gamma / 3)) for t in (t1, t0)]
        (whole[0] - whole[1]).sum() / 30


def timed(work: object) -> float:
    start = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - start


if __name__ == "__main__":
    table = layers(PROFILES)
    spline_seconds = timed(lambda: interval_means(table, ["y"], 0, 30, DepthRules("spline")))
    slice_seconds = timed(lambda: interval_means(table, ["y"], 0, 30, DepthRules("slice")))
    loop_seconds = timed(lambda: loop(table[table["site_id"] < LOOPED])) * PROFILES / LOOPED
    print(f"{PROFILES} profiles, {len(table)} layers: spline {spline_seconds:.2f} s, slice {slice_seconds:.2f} s")
    print(
        f"loop over profiles: {loop_seconds:.0f} s (from {LOOPED}), {loop_seconds / spline_seconds:.0f} times as long"
    )
