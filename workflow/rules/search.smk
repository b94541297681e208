# Only when it is asked for: `snakemake search`.
rule search_experiment:
    """Settings of an experiment tried on nested folds."""
    input:
        settings=FILES.settings("search"),
        samples=FILES.samples,
        splits=FILES.splits,
    output:
        table=EXPERIMENT.search,
    log:
        f"{LOGS}/search/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/search/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["search_experiment"]["threads"]
    resources:
        **needs("search_experiment"),
    params:
        code=code_of("search"),
    shell:
        "hybridmap search {input.settings:q} --experiment {wildcards.experiment:q} --samples {input.samples:q}"
        " --splits {input.splits:q} --out {output.table:q} --threads {threads} --log {log:q}"


rule search:
    """Stage on request: the searches of the configuration."""
    input:
        searched_tables,
    localrule: True
