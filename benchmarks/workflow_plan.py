"""Start-up of the workflow: what a dry run takes until the graph of jobs is there, for every region and for many jobs.

HYBRIDMAP_SHARED=../shared python benchmarks/workflow_plan.py
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
LAID_OVER = {"coarse": ["europe_open"], "conus_clm5_coarse": ["conus_clm5"], "conus_radiocarbon": ["conus_open"]}
LAID_OVER |= {"europe_clm5": ["europe_open"], "extrapolation": ["europe_open"]}
"""Files that are no region by themselves, and over which they are laid."""


def many_jobs(experiments: int, parts: int) -> dict[str, object]:
    """The demo with a job for each fold and for each share of the maps."""
    return {
        "fan_out": True,
        "predict": {"parts": parts},
        "experiments": [
            {"name": f"experiment{k}", "process": {"name": "five_pool"}, "neural": "all"} for k in range(experiments)
        ],
    }


def row_of(name: str, words: list[str], folder: Path) -> None:
    """Print what Snakemake took: time, CPU and memory of its process."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    begin = time.monotonic()
    with (folder / "messages.log").open("w") as messages:
        process = subprocess.Popen([*command, *words], stdout=messages, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds, text = time.monotonic() - begin, (folder / "messages.log").read_text()
    if process.returncode:
        raise SystemExit(f"{name}: {text[-2000:]}")
    total = re.search(r"^total +(\d+)$", text, re.MULTILINE)
    jobs = f"{int(total[1]):,}" if total else "–"
    cpu_s = usage.ru_utime + usage.ru_stime
    print(f"| {name} | {jobs} | {cpu_s:.1f} | {seconds:.1f} | {usage.ru_maxrss / 1024:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regions", nargs="*", help="Names in resources/regions; by default all.")
    parser.add_argument("--experiments", type=int, default=20, help="Of the plan of many jobs; 0 leaves it out.")
    parser.add_argument("--parts", type=int, default=500, help="Jobs that share a map.")
    options = parser.parse_args()
    folder = ROOT / "resources/regions"
    names = options.regions if options.regions is not None else sorted(file.stem for file in folder.glob("*.yaml"))
    print("| region | jobs | CPU [s] | wall [s] | memory [MB] |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        for name in names:
            files = [str(folder / f"{file}.yaml") for file in (*LAID_OVER.get(name, []), name)]
            configuration = ["--configfile", str(ROOT / "config.yaml"), *files]
            for label in ("first plan", "next plan"):
                row_of(f"{name}, {label}", ["--dry-run", "--quiet", "rules", *configuration], Path(place))
            row_of(f"{name}, `--list`", ["--list", *configuration], Path(place))
        if options.experiments:
            region = Path(place) / "many.yaml"
            region.write_text(yaml.safe_dump(many_jobs(options.experiments, options.parts)))
            configuration = ["--configfile", str(ROOT / "config.yaml"), str(region)]
            row_of("many jobs", ["--dry-run", "--quiet", "rules", *configuration], Path(place))


if __name__ == "__main__":
    main()
