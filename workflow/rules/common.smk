# Names and helpers that all rules share. Never imports torch, so a dry run stays quick.
import gc
import inspect
import shlex
import sys
from functools import cache
from pathlib import Path

import yaml
from hybridmap.check import inputs
from hybridmap.check.clocks import refuse_future
from hybridmap.check.profile import refuse_amount
from hybridmap.check.slurm import Needs, jobs_without_log, refuse_what_slurm_refuses
from hybridmap.config.reading import load_config, parse_config
from hybridmap.config.stages import stage_settings
from hybridmap.errors import HybridmapError, nearest
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

# A plan of thousands of jobs is millions of objects that live to its end: to look for garbage among them again and again
# took an eighth of the time.
gc.set_threshold(100_000, 50, 50)


def results_under_prefix() -> dict[str, str]:
    """The key `results` under the prefix that a module may have.

    All names start from there, so it is put before them here, once: commands take them too, not the rules alone.
    """
    modifier, results = workflow.modifier.path_modifier, str(
        config.get("results", "results")
    )
    moved = modifier.replace_prefix(results)
    workflow.modifier.path_modifier = type(modifier)(None, None, workflow)
    return {} if moved == results else {"results": moved}


def read_config():
    """The configuration, read from its files again: snakemake keeps no lines, and takes the last of two equal keys."""
    over = workflow.config_settings.configfiles
    files = [f for f in workflow.configfiles if Path(f).absolute() not in over]
    parent, moved = workflow.modifier.parent_modifier, results_under_prefix()
    # As a module of another workflow with a part of its configuration, or with one from no file.
    is_given = parent is not None and parent.globals["config"] != config
    try:
        if is_given or not (files or over):
            return parse_config({**config, **moved}, "configuration")
        values = {**workflow.config_settings.config, **moved}
        return load_config(*files, *over, over=values)
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
# Experiments whose verdict on parameters rests on trainings from random starts: where the configuration asks for them,
# and where `snakemake identifiability` has made them, which are then kept up to date.
ASKED = with_starts(CONFIG)
STARTED = [
    experiment
    for experiment in EXPERIMENTS
    if experiment in ASKED or FILES.experiment(experiment).starts.summary.is_file()
]
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


def ready(function):
    """The function with its signature at hand, which Snakemake asks for several times at every job."""
    function.__signature__ = inspect.signature(function)
    return function


def code_of(verb: str):
    """Fingerprint of the code of a stage; of process models only that of the experiment counts."""

    @ready
    def code(wildcards) -> str:
        process = SETTINGS[wildcards.experiment].process
        return stage_code(verb, process.name if process else "")

    return code


DIGESTS = Digests(FILES.folder / MEMORY)


def content(files, wildcard: str = ""):
    """Digest of the user's files of a stage, by content: a touched but equal one plans nothing.

    Looked at anew when the job starts, because a fetch may bring the files first.
    """

    @ready
    def digest(wildcards) -> str:
        names = [wildcards[wildcard]] if wildcard else []
        return DIGESTS.of(files(CONFIG, *names))

    return digest


def check_amounts(settings):
    """Refuse numbers of a profile that no job can have."""
    given = {"default-resources": settings.default_resources or {}}
    given |= {f"set-resources: {r}": v for r, v in settings.overwrite_resources.items()}
    given["set-threads"] = settings.overwrite_threads
    try:
        refuse_amount("max-threads", settings.max_threads)
        for key, values in given.items():
            for name, value in values.items():
                refuse_amount(f"{key}: {name}", getattr(value, "raw", value))
    except HybridmapError as error:
        raise WorkflowError(str(error)) from None


def check_profile():
    """Refuse what Snakemake would not say: numbers for rules that are not there, and an image that is not there."""
    if workflow.modifier.parent_modifier is not None:
        return  # used as a module, whose rules have other names
    settings = workflow.resource_settings
    check_amounts(settings)
    names = {entry.name for entry in workflow.rules}
    for name in (*settings.overwrite_resources, *settings.overwrite_threads):
        if name not in names:
            raise WorkflowError(
                f"profile: set-resources or set-threads names the rule '{name}'{nearest(name, names)}, which this version of"
                " the workflow has not; 'snakemake --list' says which there are."
            )
    methods = {method.name for method in workflow.deployment_settings.deployment_method}
    if "APPTAINER" in methods and not Path("hybridmap.sif").is_file():
        raise WorkflowError(
            "hybridmap.sif: no such image in this folder; 'apptainer build hybridmap.sif envs/hybridmap.def' in a clone"
            " of hybridmap makes it, or start without --sdm apptainer."
        )


NEEDS = yaml.safe_load(
    Path(workflow.source_path("../resources.yaml")).read_text(encoding="utf-8")
)


def needs(rule: str, time: int = 1):
    """Memory and minutes of the jobs of a rule; the second attempt gets twice as much, the third three times."""
    base = NEEDS[rule] | {"runtime": NEEDS[rule]["runtime"] * time}
    return {
        key: ready(lambda wildcards, attempt, key=key: base[key] * attempt)
        for key in ("mem_mb", "runtime")
    }


def refuse_hopeless_jobs():
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

    @ready
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

    @ready
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
PARTS = CONFIG.predict.parts
MAP_JOB = "{params.command} --workers {threads} --log {log:q}"
"""What all jobs of a map run; the command of thousands of them is made once, not filled in by each."""


CELLS_OF_WORKER = 50_000
"""Cells of a map below which another process is slower to start than to do without."""


def map_threads():
    """Processes that predict the tiles of a map: fewer where it is small."""
    return max(
        1, min(NEEDS["predict"]["threads"], int(CONFIG.grid.cells / CELLS_OF_WORKER))
    )


@cache
def command_of_map(experiment: str) -> str:
    """The command of all jobs of a map, without what is of one job alone."""
    files = {
        name: expand(path, experiment=experiment)[0]
        for name, path in MAP_INPUTS.items()
    }
    named = FILES.experiment(experiment)
    options = {
        "experiment": experiment,
        "model": str(named.fold(MAP_FOLD).model),
        "cube": str(FILES.cube),
        "samples": files["samples"],
        "out": str(named.maps),
    }
    wanted = ("calibration", "applicability", "expected_error")
    options |= {name: files[name] for name in wanted if name in files}
    words = [
        word
        for name, value in options.items()
        for word in (f"--{name.replace('_', '-')}", value)
    ]
    start = ("hybridmap", "predict", files["settings"], files["experiment"])
    return shlex.join([*start, *words])


@ready
def map_command(wildcards) -> str:
    """See :func:`command_of_map`."""
    return command_of_map(wildcards.experiment)


@ready
def title_of_maps(wildcards) -> str:
    """Title of the maps of an experiment, as the command takes it."""
    title = SETTINGS[wildcards.experiment].title or wildcards.experiment
    return f"--title={CONFIG.title or CONFIG.region}: {title}"


def first_folds(wildcards) -> list[str]:
    """Folders of the trained folds of the first scheme of an experiment."""
    scheme = SETTINGS[wildcards.experiment].splits[0]
    folder = FILES.experiment(wildcards.experiment)
    folds = folds_of(wildcards.experiment)
    return [str(folder.fold(f).folder) for f in folds if f.rpartition("-")[0] == scheme]


def identifiability_of(wildcards) -> Path:
    """What the verdict says of parameters by: trainings from random starts where there are some."""
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
