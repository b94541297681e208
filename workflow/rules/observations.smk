# The synthetic landscape of the embedded default; regions with data of their own never run it.
rule demo:
    """Inputs of the embedded synthetic region."""
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
    threads: NEEDS["demo"]["threads"]
    resources:
        **needs("demo"),
    params:
        folder=subpath(output.made, parent=True),
        code=stage_code("demo"),
        lost=missing(FILES.demo_inputs, FILES.demo_truth),
    shell:
        "hybridmap demo {input.settings:q} --out {params.folder:q} --log {log:q}"


rule ingest:
    """One soil table, read, judged and brought to one schema."""
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
    threads: NEEDS["ingest"]["threads"]
    resources:
        **needs("ingest"),
    params:
        code=stage_code("ingest"),
        content=content(inputs.source_files, "source"),
    shell:
        "hybridmap ingest {input.settings:q} --source {wildcards.source:q} --out {output.table:q}"
        " --quality {output.quality:q} --log {log:q}"


rule build:
    """Sites or layers with densities and fractions from all tables."""
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
    threads: NEEDS["build"]["threads"]
    resources:
        **needs("build"),
    params:
        code=stage_code("build"),
    shell:
        "hybridmap build {input.settings:q} --observations {input.tables:q} --out {output.table:q}"
        " --quality {output.quality:q} --dropped {output.dropped:q} --log {log:q}"


rule observations:
    """Stage: soil observations."""
    input:
        rules.build.output,
    localrule: True
