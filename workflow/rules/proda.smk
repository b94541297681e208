# Only when it is asked for: `snakemake proda`.
rule proda_of_experiment:
    """Sites calibrated one by one and a network of them, beside an experiment."""
    input:
        settings=FILES.settings("proda"),
        samples=FILES.samples,
        splits=FILES.splits,
    output:
        summary=EXPERIMENT.proda.summary,
        sites=EXPERIMENT.proda.sites,
        predictions=EXPERIMENT.proda.predictions,
        scores=EXPERIMENT.proda.scores,
        bias=EXPERIMENT.proda.bias,
        agreement=EXPERIMENT.proda.agreement,
        figures=[
            EXPERIMENT.proda.bias_map,
            EXPERIMENT.proda.component_map,
            EXPERIMENT.proda.parameter_map,
        ],
    log:
        f"{LOGS}/proda/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/proda/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["proda_of_experiment"]["threads"]
    resources:
        **needs("proda_of_experiment"),
    params:
        folder=subpath(output.summary, parent=True),
        code=code_of("proda"),
        tables=content(inputs.experiment_files, "experiment"),
    shell:
        "hybridmap proda {input.settings:q} --experiment {wildcards.experiment:q} --samples {input.samples:q}"
        " --splits {input.splits:q} --out {params.folder:q} --threads {threads} --log {log:q}"


rule proda:
    """Stage on request: PRODA beside the experiments of the section."""
    input:
        proda_summaries,
    localrule: True
