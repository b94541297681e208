"""``python -m fuzz [--minutes M] [--seed S] [--campaign NAME ...] [--attempt N]``."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from fuzz.campaigns import CAMPAIGNS
from fuzz.execution import TARGET, Executor
from fuzz.runner import Campaign, Plan, run_campaigns, table


def main(arguments: list[str] | None = None, campaigns: tuple[Campaign, ...] = CAMPAIGNS, target: str = TARGET) -> int:
    """Run campaigns and print their counts.

    Parameters
    ----------
    arguments : list of str or None
        Of the command line; None takes those of the process.
    campaigns : tuple of Campaign
        The table of campaigns.
    target : str
        What stands for hybridmap's command line, as ``module:function``.

    Returns
    -------
    int
        1 if any attempt ended in a fault, else 0.
    """
    args = _parser(campaigns).parse_args(arguments)
    selected = [campaign for campaign in campaigns if not args.campaign or campaign.name in args.campaign]
    for campaign in selected:
        shutil.rmtree(args.out / campaign.name, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch, Executor(target) as executor:
        plan = Plan(args.seed, args.minutes, args.attempt, Path(scratch), args.out)
        tallies = run_campaigns(selected, plan, executor)
    text = table(tallies)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "counts.txt").write_text(f"seed {args.seed}, {args.minutes:g} minutes\n{text}\n")
    sys.stdout.write(f"{text}\n")
    return int(any(tally.faults for tally in tallies))


def _parser(campaigns: tuple[Campaign, ...]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Hostile input into every command.")
    names = [campaign.name for campaign in campaigns]
    parser.add_argument("--campaign", nargs="+", choices=names, help="only these")
    parser.add_argument("--minutes", type=float, default=10.0, help="time of all attempts; preparation is on top")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same attempts")
    parser.add_argument("--attempt", type=int, help="only the attempt with this number, of one campaign")
    parser.add_argument("--out", type=Path, default=Path("results/fuzz"), help="folder of what reproduces the faults")
    return parser


if __name__ == "__main__":
    sys.exit(main())
