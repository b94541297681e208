# hybridmap: soil observations and rasters in, hybrid models, diagnostics, maps and a report out.
#
#   snakemake --cores 4                                                          the embedded demo region
#   snakemake --cores 4 --configfile resources/regions/conus_open.yaml           another region, laid over config.yaml
#   snakemake --cores 4 observations | covariates | fit | diagnose | maps | report    stages by name
from snakemake.utils import min_version

min_version("9.19")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


rule all:
    default_target: True
    input:
        FILES.report,
    localrule: True


include: "workflow/rules/settings.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/observations.smk"
include: "workflow/rules/covariates.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/maps.smk"
include: "workflow/rules/report.smk"
