# How parameters and targets follow each covariate; on request, then also in the report.
rule relationships_of_experiment:
    """Response curves, importances and their agreement over the folds of an experiment."""
    input:
        settings=FILES.settings("relationships"),
        experiment=EXPERIMENT.settings,
        samples=FILES.samples,
        trained=lambda wildcards: all_trained(wildcards.experiment, is_mapped=False),
        identifiability=identifiability_of,
    output:
        table=EXPERIMENT.relationships.table,
        summary=EXPERIMENT.relationships.summary,
        sites=EXPERIMENT.relationships.sites,
    log:
        f"{LOGS}/relationships/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/relationships/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["relationships_of_experiment"]["threads"]
    resources:
        **needs("relationships_of_experiment"),
    params:
        folds=first_folds,
        folder=subpath(output.summary, parent=True),
        code=code_of("relationships"),
        tables=content(inputs.experiment_files, "experiment"),
    shell:
        "hybridmap relationships {input.settings:q} {input.experiment:q} --experiment {wildcards.experiment:q}"
        " --samples {input.samples:q} --folds {params.folds:q} --identifiability {input.identifiability:q}"
        " --out {params.folder:q} --threads {threads} --log {log:q}"


rule relationships:
    """Stage on request: what models have learned."""
    input:
        expand(EXPERIMENT.relationships.table, experiment=EXPERIMENTS),
    localrule: True
