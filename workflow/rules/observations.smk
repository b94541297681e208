INPUTS = f"{REGION}/inputs/made.json"


# The synthetic landscape of the embedded default; regions with data of their own never run it.
rule demo:
    input:
        settings=f"{REGION}/settings/inputs.json",
    output:
        made=INPUTS,
    log:
        f"{LOGS}/demo.log",
    benchmark:
        f"{BENCHMARKS}/demo.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        folder=subpath(output.made, parent=True),
        code=code_of("testing", "process"),
    shell:
        "hybridmap demo {input.settings} --out {params.folder} --log {log}"


rule ingest:
    input:
        settings=f"{REGION}/settings/ingest.json",
        made=INPUTS if CONFIG.demo else [],
        fetched=FETCHED,
    output:
        table=f"{REGION}/observations/{{source}}.parquet",
        quality=f"{REGION}/observations/{{source}}.csv",
    log:
        f"{LOGS}/ingest/{{source}}.log",
    benchmark:
        f"{BENCHMARKS}/ingest/{{source}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        code=code_of(
            "observations/ingest",
            "observations/sources",
            "observations/tables",
            "observations/formats",
            "observations/schema",
            "observations/units",
        ),
    shell:
        "hybridmap ingest {input.settings} --source {wildcards.source} --out {output.table}"
        " --quality {output.quality} --log {log}"


rule build:
    input:
        settings=f"{REGION}/settings/build.json",
        tables=expand(
            f"{REGION}/observations/{{source}}.parquet",
            source=[s.name for s in CONFIG.observations],
        ),
    output:
        table=f"{REGION}/observations.parquet",
        quality=report(
            f"{REGION}/quality.csv",
            caption="../report/quality.rst",
            category="Data",
            labels={"what": "Quality control"},
        ),
        dropped=f"{REGION}/dropped.parquet",
    log:
        f"{LOGS}/build.log",
    benchmark:
        f"{BENCHMARKS}/build.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        code=code_of(
            "observations/build",
            "observations/quality",
            "observations/density",
            "observations/depth",
            "observations/bulk_density",
            "observations/schema",
        ),
    shell:
        "hybridmap build {input.settings} --observations {input.tables} --out {output.table}"
        " --quality {output.quality} --dropped {output.dropped} --log {log}"


rule observations:
    input:
        rules.build.output,
    localrule: True
