# What trained folds and the sensitivity of the process say of parameters; in every run.
rule identifiability_of_folds:
    """Which parameters mean something, from the trained folds."""
    input:
        settings=FILES.settings("identifiability"),
        experiment=EXPERIMENT.settings,
        samples=FILES.samples,
        splits=FILES.splits,
        trained=lambda wildcards: all_trained(wildcards.experiment, is_mapped=False),
    output:
        summary=EXPERIMENT.identifiability.summary,
        table=EXPERIMENT.identifiability.table,
        sites=EXPERIMENT.identifiability.sites,
    log:
        f"{LOGS}/identifiability/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/identifiability/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["identifiability_of_folds"]["threads"]
    resources:
        **needs("identifiability_of_folds"),
    params:
        folds=first_folds,
        folder=subpath(output.summary, parent=True),
        code=code_of("identifiability"),
        lost=lost(
            EXPERIMENT.identifiability.summary,
            EXPERIMENT.identifiability.table,
            EXPERIMENT.identifiability.sites,
        ),
    shell:
        "hybridmap identifiability {input.settings:q} {input.experiment:q} --experiment {wildcards.experiment:q}"
        " --samples {input.samples:q} --splits {input.splits:q} --folds {params.folds:q}"
        " --out {params.folder:q} --threads {threads} --log {log:q}"


# Trainings from random starts beside it: only where the section asks for them, or by `snakemake identifiability`.
rule identifiability_of_starts:
    """The same from trainings with random starts, where the region asks for them."""
    input:
        settings=FILES.settings("identifiability"),
        experiment=EXPERIMENT.settings,
        samples=FILES.samples,
        splits=FILES.splits,
        trained=lambda wildcards: all_trained(wildcards.experiment, is_mapped=False),
    output:
        summary=EXPERIMENT.starts.summary,
        table=EXPERIMENT.starts.table,
        sites=EXPERIMENT.starts.sites,
    log:
        f"{LOGS}/identifiability/{{experiment}}_starts.log",
    benchmark:
        f"{BENCHMARKS}/identifiability/{{experiment}}_starts.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["identifiability_of_starts"]["threads"]
    resources:
        **needs("identifiability_of_starts"),
    params:
        folds=first_folds,
        folder=subpath(output.summary, parent=True),
        code=code_of("identifiability"),
        tables=content(inputs.experiment_files, "experiment"),
        lost=lost(
            EXPERIMENT.starts.summary,
            EXPERIMENT.starts.table,
            EXPERIMENT.starts.sites,
        ),
    shell:
        "hybridmap identifiability {input.settings:q} {input.experiment:q} --experiment {wildcards.experiment:q}"
        " --samples {input.samples:q} --splits {input.splits:q} --folds {params.folds:q} --starts"
        " --out {params.folder:q} --threads {threads} --log {log:q}"


rule identifiability:
    """Stage on request: trainings from random starts, and what they say."""
    input:
        expand(EXPERIMENT.starts.summary, experiment=ASKED or with_parameters(CONFIG)),
    localrule: True
