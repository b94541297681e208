# Published experiments, repeated: snakemake --snakefile workflow/studies.smk --cores 4
from pathlib import Path

from hybridmap.studies import studies

SEEDS = int(config.get("seeds", 5))
CHOSEN = config.get("studies", "").split() or list(studies())
FOLDER = config.get("results", "results/studies")
# These studies train folds or seeds in processes of their own.
SPREAD = ("clm5_recovery", "clm5_coverage")


rule all:
    default_target: True
    input:
        f"{FOLDER}/tables.md",
        f"{FOLDER}/awc_shapley.png" if "retention" in CHOSEN else [],
    localrule: True


rule study:
    output:
        f"{FOLDER}/{{study}}/{{row}}.json",
    log:
        f"{FOLDER}/logs/{{study}}_{{row}}.log",
    benchmark:
        f"{FOLDER}/benchmarks/{{study}}_{{row}}.tsv"
    conda:
        "../envs/hybridmap.yaml"
    threads: lambda wildcards: 4 if wildcards.study in SPREAD else 1
    resources:
        mem_mb=6000,
        runtime=240,
    params:
        seeds=SEEDS,
    shell:
        "hybridmap study --name {wildcards.study} --row {wildcards.row} --seeds {params.seeds} --out {output}"
        " --threads {threads} --log {log}"


rule tables:
    input:
        [
            f"{FOLDER}/{name}/{row}.json"
            for name, study in studies().items()
            if name in CHOSEN
            for row in study.rows
        ],
    output:
        f"{FOLDER}/tables.md",
    log:
        f"{FOLDER}/logs/tables.log",
    benchmark:
        f"{FOLDER}/benchmarks/tables.tsv"
    conda:
        "../envs/hybridmap.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    shell:
        "hybridmap study --tables {input} --out {output} --log {log}"


rule shapley:
    output:
        f"{FOLDER}/awc_shapley.png",
    log:
        f"{FOLDER}/logs/awc_shapley.log",
    benchmark:
        f"{FOLDER}/benchmarks/awc_shapley.tsv"
    conda:
        "../envs/hybridmap.yaml"
    resources:
        mem_mb=3000,
        runtime=10,
    shell:
        "hybridmap study --shapley --out {output} --log {log}"
