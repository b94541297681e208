# Names and helpers that all rules share. Never imports torch, so a dry run stays quick.
import hashlib
from pathlib import Path

import hybridmap
from hybridmap.samples.folds import MAP_FOLD, fold_ids
from hybridmap.errors import HybridmapError
from hybridmap.files.paths import expand as expand_path, under
from hybridmap.config.reading import parse_config
from hybridmap.config.stages import stage_settings

try:
    CONFIG = parse_config(config, "configuration")
except HybridmapError as error:
    raise WorkflowError(str(error)) from None

REGION = f"{CONFIG.results}/{CONFIG.region}"
LOGS = f"{REGION}/logs"
BENCHMARKS = f"{REGION}/benchmarks"
EXPERIMENT = f"{REGION}/experiments/{{experiment}}"
EXPERIMENTS = [e.name for e in CONFIG.experiments]
# The experiments whose process model has a mineral capacity to compare MOC with.
SATURATING = [
    e.name for e in CONFIG.experiments if e.process and e.process.name == "five_pool"
]
MAPPED = [e.name for e in CONFIG.experiments if e.map]
PACKAGE = Path(hybridmap.__file__).parent


wildcard_constraints:
    experiment=r"[a-z0-9_]+",
    fold=r"[a-z0-9_]+-\d+|all",
    source=r"[a-z0-9_]+",
    stage=r"[a-z]+",
    download=r"[a-z0-9_]+",


def folds_of(experiment: str) -> list[str]:
    """Folds that an experiment trains: those of its schemes, and the one for maps."""
    folds = {s.name: s.runs for s in CONFIG.splits}
    chosen = CONFIG.experiment(experiment)
    ids = fold_ids({scheme: folds[scheme] for scheme in chosen.splits})
    return ids if chosen.map else [i for i in ids if i != MAP_FOLD]


def code_of(*rooms: str) -> str:
    """Fingerprint of modules, so that a change in them reruns what uses them, and a change elsewhere does not."""
    digest = hashlib.sha256()
    for room in rooms:
        path = PACKAGE / room
        for file in (
            sorted([*path.rglob("*.py"), *path.rglob("*.yaml")])
            if path.is_dir()
            else [path.with_suffix(".py")]
        ):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def source_of(experiment: str) -> str:
    """Fingerprint of the files of a process model: the user's own code, and tables named in its options."""
    process = CONFIG.experiment(experiment).process
    if process is None:
        return ""
    named = [process.name, *(v for v in process.options.values() if isinstance(v, str))]
    digest = hashlib.sha256()
    for file in (Path(n) for n in named if Path(n).suffix and Path(n).is_file()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


CORE = ("process", "encoders", "model", "train", "experiment")

# What a map is made of: files, and how they are named to the command.
MAP_INPUTS = {
    "settings": f"{REGION}/settings/predict.json",
    "experiment": f"{EXPERIMENT}/settings.json",
    "model": f"{EXPERIMENT}/{MAP_FOLD}/model/weights.safetensors",
    "store": f"{REGION}/covariates.zarr/zarr.json",
}
if CONFIG.predict.intervals == "conformal":
    MAP_INPUTS["calibration"] = f"{EXPERIMENT}/evaluation/conformal.json"
if CONFIG.predict.applicability:
    MAP_INPUTS["applicability"] = f"{EXPERIMENT}/applicability.npz"
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
