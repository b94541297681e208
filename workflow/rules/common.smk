# Names and helpers that all rules share. Never imports torch, so a dry run stays quick.
import sys
from pathlib import Path

import yaml
from hybridmap.check import inputs
from hybridmap.check.clocks import refuse_future
from hybridmap.check.slurm import Needs, jobs_without_log, refuse_what_slurm_refuses
from hybridmap.config.reading import load_config, parse_config
from hybridmap.config.stages import stage_settings
from hybridmap.errors import HybridmapError
from hybridmap.files.paths import expand as expand_path
from hybridmap.files.results import RegionFiles, metadata
from hybridmap.files.sources import MEMORY, Digests
from hybridmap.files.sums import lost_file, store_of, sums_file
from hybridmap.fingerprint import stage_code
from hybridmap.report.expected import (
    with_capacity,
    with_main_map,
    with_main_target,
    with_parameters,
    with_starts,
    with_stock,
)
from hybridmap.samples.folds import MAP_FOLD, fold_ids


def read_config():
    """The configuration, read from its files again: snakemake keeps no lines, and takes the last of two equal keys."""
    over = workflow.config_settings.configfiles
    files = [f for f in workflow.configfiles if Path(f).absolute() not in over]
    try:
        if not (files or over):  # used as a module of another workflow
            return parse_config(config, "configuration")
        return load_config(*files, *over, over=workflow.config_settings.config)
    except HybridmapError as error:
        raise WorkflowError(str(error)) from None


def expand(patterns, **names):
    """The patterns with every combination of names; unlike that of snakemake it leaves other braces alone."""
    patterns = [patterns] if isinstance(patterns, (str, Path)) else patterns
    filled = [str(pattern) for pattern in patterns]
    for key, values in names.items():
        values = [values] if isinstance(values, str) else values
        filled = [
            text.replace(f"{{{key}}}", str(value))
            for text in filled
            for value in values
        ]
    return filled


def results_folder(results: str) -> Path:
    """Where results lie; absolute where a command would take the name of the folder for an option."""
    return Path(results).absolute() if results.startswith("-") else Path(results)


CONFIG = read_config()
FILES = RegionFiles(results_folder(CONFIG.results) / CONFIG.region)
EXPERIMENT = FILES.experiment("{experiment}")
LOGS = FILES.logs
BENCHMARKS = FILES.benchmarks
SOURCES = [s.name for s in CONFIG.observations]
SETTINGS = {e.name: e for e in CONFIG.experiments}
EXPERIMENTS = list(SETTINGS)
# The experiments whose reports surely have these figures; where there is more to draw, the page shows it too.
WITH_SOC_MAP = with_main_map(CONFIG)
SATURATING = with_capacity(CONFIG)
# The comparison with a published map needs SOC, totals a quantity that has a stock.
WITH_SOC = with_main_target(CONFIG)
WITH_STOCK = with_stock(CONFIG)
# Experiments whose verdict on parameters rests on trainings from random starts.
STARTED = with_starts(CONFIG)
MAPPED = [e.name for e in CONFIG.experiments if e.map]


wildcard_constraints:
    experiment=r"[a-z0-9_]+",
    fold=r"[a-z0-9_]+-\d+|all",
    source=r"[a-z0-9_]+",
    stage=r"[a-z]+",
    download=r"[a-z0-9_]+",


def folds_of(experiment: str) -> list[str]:
    """Folds that an experiment trains: those of its schemes, and the one for maps."""
    folds = {s.name: s.runs for s in CONFIG.splits}
    settings = SETTINGS[experiment]
    ids = fold_ids({scheme: folds[scheme] for scheme in settings.splits})
    return ids if settings.map else [i for i in ids if i != MAP_FOLD]


def code_of(verb: str):
    """Fingerprint of the code of a stage; of process models only that of the experiment counts."""

    def code(wildcards) -> str:
        process = SETTINGS[wildcards.experiment].process
        return stage_code(verb, process.name if process else "")

    return code


DIGESTS = Digests(FILES.folder / MEMORY)


def content(files, wildcard: str = ""):
    """Digest of the user's files of a stage, by content: a touched but equal one plans nothing.

    Looked at anew when the job starts, because a fetch may bring the files first.
    """

    def digest(wildcards) -> str:
        names = [wildcards[wildcard]] if wildcard else []
        return DIGESTS.of(files(CONFIG, *names))

    return digest


NEEDS = yaml.safe_load(
    Path(workflow.source_path("../resources.yaml")).read_text(encoding="utf-8")
)


def needs(rule: str, time: int = 1):
    """Memory and minutes of the jobs of a rule; the second attempt gets twice as much, the third three times."""
    base = NEEDS[rule] | {"runtime": NEEDS[rule]["runtime"] * time}
    return {
        key: lambda wildcards, attempt, key=key: base[key] * attempt
        for key in ("mem_mb", "runtime")
    }


def look_ahead():
    """Refuse, before the first job, what would fail job by job and attempt by attempt."""
    jobs = list(workflow.dag.needrun_jobs())
    try:
        refuse_future({Path(file) for job in jobs for file in job.input})
        if workflow.executor_plugin.name == "slurm":
            asking = {job.rule.name: job for job in jobs if not job.is_local}
            refuse_what_slurm_refuses(
                {name: Needs(j.threads, j.resources) for name, j in asking.items()}
            )
    except HybridmapError as error:
        raise WorkflowError(str(error)) from None


def tell_unseen_folder(logs):
    """Say, after a run that failed, if a node does not see this folder; the logs are those of snakemake."""
    files = [Path(file) for file in ([logs] if isinstance(logs, (str, Path)) else logs)]
    messages = (f.read_text(errors="replace") for f in files if f.is_file())
    if sentence := jobs_without_log("".join(messages)):
        print(sentence, file=sys.stderr)


PLAN = {"is_made": False}


def lost(result: Path, *others: Path):
    """First file that is gone of a job whose result is there: it plans the job again.

    Snakemake would not miss a file that nothing else needs to be made anew. Files that a store or a folder consists of
    are those that its sums name. A job that starts has lost nothing: that is what it records.
    """

    def first(wildcards) -> str:
        paths = [
            Path(expand(path, **dict(wildcards.items()))[0])
            for path in (result, *others)
        ]
        if PLAN["is_made"] or not paths[0].exists():
            return ""
        names = (lost_file(p) or ("" if p.exists() else p.name) for p in paths)
        return next(filter(None, names), "")

    return first


def missing(result: str | Path, *others: Path):
    """First file that is gone of what a program made or brought into the folder of a result; see :func:`lost`."""

    def first(wildcards) -> str:
        path = Path(expand(result, **dict(wildcards.items()))[0])
        if PLAN["is_made"] or not path.exists():
            return ""
        gone = [other.name for other in others if not other.exists()]
        return next(iter(gone), inputs.lost_input(CONFIG, path))

    return first


def trained(fold: str = "{fold}") -> Path:
    """The sums of trained models, which stand for them: of a fold if it is a job of its own, else of all folds."""
    return EXPERIMENT.fold(fold).trained if CONFIG.fan_out else EXPERIMENT.trained


def all_trained(experiment: str, *, is_mapped: bool = True) -> list[str]:
    """The sums of all models of an experiment, or of all but the one for maps."""
    folds = [f for f in folds_of(experiment) if is_mapped or f != MAP_FOLD]
    return list(
        dict.fromkeys(expand([trained(f) for f in folds], experiment=experiment))
    )


# What a map is made of: files, and how they are named to the command.
MAP_INPUTS = {
    "settings": FILES.settings("predict"),
    "experiment": EXPERIMENT.settings,
    "trained": trained(MAP_FOLD),
    "store": metadata(FILES.cube),
    "samples": FILES.samples,
}
if CONFIG.predict.intervals == "conformal":
    MAP_INPUTS["calibration"] = EXPERIMENT.scores.conformal
if CONFIG.predict.applicability:
    MAP_INPUTS["applicability"] = EXPERIMENT.applicability
    MAP_INPUTS["expected_error"] = EXPERIMENT.expected_error.table
PREDICT = (
    "hybridmap predict {input.settings:q} {input.experiment:q} --experiment {wildcards.experiment:q}"
    " --model {params.model:q} --cube {params.cube:q} --samples {input.samples:q} {params.options:q} --out {params.store:q} --workers {threads}"
    " --log {log:q}"
)
PARTS = CONFIG.predict.parts
PREDICT_PART = f"{PREDICT} --part {{wildcards.part:q}}/{PARTS}"
PREDICT_WHOLE = f"{PREDICT} --predictions {{input.predictions:q}} --rasters {{params.rasters:q}} --summary {{output.summary:q}}"


def map_options(wildcards, input) -> list[str]:
    """Options of predict for the inputs that the configuration asks for, each a word of the command."""
    names = ("calibration", "applicability", "expected_error")
    options = {n: f"--{n.replace('_', '-')}" for n in names if n in MAP_INPUTS}
    return [
        word for n, option in options.items() for word in (option, str(input.get(n)))
    ]


def first_folds(wildcards) -> list[str]:
    """Folders of the trained folds of the first scheme of an experiment."""
    scheme = SETTINGS[wildcards.experiment].splits[0]
    folder = FILES.experiment(wildcards.experiment)
    folds = folds_of(wildcards.experiment)
    return [str(folder.fold(f).folder) for f in folds if f.rpartition("-")[0] == scheme]


def identifiability_of(wildcards) -> Path:
    """What the verdict says of parameters by: trainings from random starts where the configuration asks for them."""
    is_started = wildcards.experiment in STARTED
    return (EXPERIMENT.starts if is_started else EXPERIMENT.identifiability).summary


def proda_summaries(wildcards) -> list[str]:
    """Comparisons with PRODA that the configuration asks for."""
    if CONFIG.proda is None:
        raise WorkflowError(
            "proda: the configuration has no such section; give 'experiments' there."
        )
    return expand(EXPERIMENT.proda.summary, experiment=CONFIG.proda.experiments)


def searched_tables(wildcards) -> list[str]:
    """Tables of the searches that the configuration asks for."""
    if CONFIG.search is None:
        raise WorkflowError(
            "search: the configuration has no such section; give 'experiments' and 'over' there."
        )
    return expand(EXPERIMENT.search, experiment=CONFIG.search.experiments)
