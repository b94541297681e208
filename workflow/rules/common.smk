# Names and helpers that all rules share. Never imports torch, so a dry run stays quick.
import hashlib
from pathlib import Path

from hybridmap.config.reading import parse_config
from hybridmap.config.stages import stage_settings
from hybridmap.errors import HybridmapError
from hybridmap.files.paths import expand as expand_path, under
from hybridmap.files.results import RegionFiles, metadata
from hybridmap.fingerprint import stage_code
from hybridmap.report.expected import with_capacity, with_main_map, with_main_target
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
# The experiments whose reports surely have these figures; where there is more to draw, the page shows it too.
WITH_SOC_MAP = with_main_map(CONFIG)
SATURATING = with_capacity(CONFIG)
# Stocks and the comparison with a published map need SOC.
WITH_SOC = with_main_target(CONFIG)
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


def tables_of(experiment: str) -> str:
    """Fingerprint of the tables that the options of a process model name."""
    process = CONFIG.experiment(experiment).process
    names = (
        [v for v in process.options.values() if isinstance(v, str)] if process else []
    )
    digest = hashlib.sha256()
    for file in (Path(n) for n in names if Path(n).suffix and Path(n).is_file()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


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
