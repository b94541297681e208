# Names and helpers that all rules share. Never imports torch, so a dry run stays quick.
from pathlib import Path

from hybridmap.check import inputs
from hybridmap.config.reading import parse_config
from hybridmap.config.stages import stage_settings
from hybridmap.errors import HybridmapError
from hybridmap.files.paths import expand as expand_path
from hybridmap.files.results import RegionFiles, metadata
from hybridmap.files.sources import MEMORY, Digests
from hybridmap.files.sums import lost_file
from hybridmap.fingerprint import stage_code
from hybridmap.samples.folds import MAP_FOLD, fold_ids

try:
    CONFIG = parse_config(config, "configuration")
except HybridmapError as error:
    raise WorkflowError(str(error)) from None

FILES = RegionFiles(Path(CONFIG.results) / CONFIG.region)
EXPERIMENT = FILES.experiment("{experiment}")
LOGS = FILES.logs
BENCHMARKS = FILES.benchmarks
SOURCES = [s.name for s in CONFIG.observations]
EXPERIMENTS = [e.name for e in CONFIG.experiments]
# The experiments whose process model has a mineral capacity to compare MOC with.
SATURATING = [
    e.name for e in CONFIG.experiments if e.process and e.process.name == "five_pool"
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
    settings = CONFIG.experiment(experiment)
    ids = fold_ids({scheme: folds[scheme] for scheme in settings.splits})
    return ids if settings.map else [i for i in ids if i != MAP_FOLD]


def code_of(verb: str, experiment: str = "{experiment}"):
    """Fingerprint of the code of a stage; of process models only that of the experiment counts."""

    def code(wildcards) -> str:
        name = experiment.format(**wildcards)
        process = CONFIG.experiment(name).process
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


PLAN = {"is_made": False}


def lost(result: Path, *others: Path):
    """First file that is gone of a job whose result is there: it plans the job again.

    Snakemake would not miss a file that nothing else needs to be made anew. Files that a store or a folder consists of
    are those that its sums name. A job that starts has lost nothing: that is what it records.
    """

    def first(wildcards) -> str:
        paths = [Path(str(path).format(**wildcards)) for path in (result, *others)]
        if PLAN["is_made"] or not paths[0].exists():
            return ""
        names = (lost_file(p) or ("" if p.exists() else p.name) for p in paths)
        return next(filter(None, names), "")

    return first


def models_of(experiment: str) -> list[Path]:
    """Files of all trained models of an experiment."""
    is_ensemble = CONFIG.experiment(experiment).uncertainty.ensemble_size > 1
    folds = [FILES.experiment(experiment).fold(fold) for fold in folds_of(experiment)]
    files = [(f.weights, f.specification, f.history) for f in folds]
    members = [f.members for f in folds] if is_ensemble else []
    return [*(file for group in files for file in group), *members]


# What a map is made of: files, and how they are named to the command.
MAP_INPUTS = {
    "settings": FILES.settings("predict"),
    "experiment": EXPERIMENT.settings,
    "model": EXPERIMENT.fold(MAP_FOLD).weights,
    "store": metadata(FILES.cube),
}
if CONFIG.predict.intervals == "conformal":
    MAP_INPUTS["calibration"] = EXPERIMENT.scores.conformal
if CONFIG.predict.applicability:
    MAP_INPUTS["applicability"] = EXPERIMENT.applicability
PREDICT = (
    "hybridmap predict {input.settings} {input.experiment} --experiment {wildcards.experiment}"
    " --model {params.model} --cube {params.cube} {params.options} --out {params.store} --workers {threads} --log {log}"
)
PARTS = CONFIG.predict.parts
PREDICT_PART = f"{PREDICT} --part {{wildcards.part}}/{PARTS}"
PREDICT_WHOLE = f"{PREDICT} --rasters {{params.rasters}} --summary {{output.summary}}"


def map_options(wildcards, input) -> str:
    """Options of predict for the inputs that the configuration asks for."""
    return " ".join(
        f"--{name} {input.get(name)}"
        for name in ("calibration", "applicability")
        if name in MAP_INPUTS
    )
