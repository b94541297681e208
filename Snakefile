# hybridmap: soil observations and rasters in, hybrid models, diagnostics, maps and a report out.
#
#   snakemake --cores 4                                                          the embedded demo region
#   snakemake --cores 4 --configfile resources/regions/conus_open.yaml           another region, laid over config.yaml
#   snakemake --cores 4 observations | covariates | fit | diagnose | maps | report    stages by name
from pathlib import Path

from snakemake.utils import min_version

min_version("9.19")


# The defaults of the folder that is run in, else those beside this file: with --directory there are often none.
configfile: "config.yaml" if Path("config.yaml").is_file() else workflow.source_path("config.yaml")


report: "workflow/report/workflow.rst"


# What jobs run in with --sdm apptainer; docs/cluster.md says how it is built.
container: "hybridmap.sif"


onstart:
    PLAN["is_made"] = True
    refuse_hopeless_jobs()


onerror:
    tell_unseen_folder(log)


onsuccess:
    if FILES.settings("report").is_file():
        # A run that succeeded has succeeded, whatever there is to say of it.
        shell("hybridmap status {FILES.folder:q} >&2 || true")


include: "workflow/rules/common.smk"
include: "workflow/rules/settings.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/observations.smk"
include: "workflow/rules/covariates.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/proda.smk"
include: "workflow/rules/identifiability.smk"
include: "workflow/rules/maps.smk"
include: "workflow/rules/relationships.smk"
include: "workflow/rules/report.smk"


# A result of every job, so that what was deleted is made again; their other files are what `lost` looks for.
RESULTS = [
    rules.report.output.page,
    rules.build.output,
    rules.cube.output,
    rules.sample.output,
    rules.split.output,
    expand(rules.ingest.output, source=SOURCES),
    [sums for name in EXPERIMENTS for sums in all_trained(name)],
    expand(rules.evaluate.output.metrics, experiment=EXPERIMENTS),
    expand(rules.ladder.output.skill, experiment=EXPERIMENTS),
    expand(rules.identifiability_of_folds.output, experiment=EXPERIMENTS),
    expand(rules.baseline.output, baseline=CONFIG.baselines),
    expand(rules.diagnose_experiment.output.verdict, experiment=EXPERIMENTS),
    expand(rules.predict.output.store, experiment=MAPPED),
    expand(rules.export.output, experiment=MAPPED),
    rules.catalog.output if MAPPED else [],
    expand(
        rules.applicability.output,
        experiment=MAPPED if CONFIG.predict.applicability else [],
    ),
    expand(
        rules.expected_error.output,
        experiment=MAPPED if CONFIG.predict.applicability else [],
    ),
    expand(rules.totals.output, experiment=WITH_STOCK if CONFIG.totals else []),
    expand(rules.reference.output, experiment=WITH_SOC if CONFIG.reference else []),
]


include: "workflow/rules/provenance.smk"


rule all:
    """Everything, up to the report."""
    default_target: True
    input:
        RESULTS,
        rules.provenance.output,
    localrule: True


check_profile()
