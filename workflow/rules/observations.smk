# The synthetic landscape of the embedded default; regions with data of their own never run it.
rule demo:
    input:
        settings=FILES.settings("inputs"),
    output:
        made=FILES.demo_inputs,
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
        code=stage_code("demo"),
        lost=missing(FILES.demo_inputs, FILES.demo_truth),
    shell:
        "hybridmap demo {input.settings:q} --out {params.folder:q} --log {log:q}"


rule ingest:
    input:
        settings=FILES.settings("ingest"),
        made=FILES.demo_inputs if CONFIG.demo else [],
        fetched=FETCHED,
    output:
        table=FILES.source("{source}"),
        quality=FILES.source_quality("{source}"),
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
        code=stage_code("ingest"),
        content=content(inputs.source_files, "source"),
    shell:
        "hybridmap ingest {input.settings:q} --source {wildcards.source:q} --out {output.table:q}"
        " --quality {output.quality:q} --log {log:q}"


rule build:
    input:
        settings=FILES.settings("build"),
        tables=expand(
            FILES.source("{source}"),
            source=SOURCES,
        ),
    output:
        table=FILES.observations,
        quality=report(
            FILES.quality,
            caption="../report/quality.rst",
            category="Data",
            labels={"what": "Quality control"},
        ),
        dropped=FILES.dropped,
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
        code=stage_code("build"),
    shell:
        "hybridmap build {input.settings:q} --observations {input.tables:q} --out {output.table:q}"
        " --quality {output.quality:q} --dropped {output.dropped:q} --log {log:q}"


rule observations:
    input:
        rules.build.output,
    localrule: True
