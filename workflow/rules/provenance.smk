rule provenance:
    """Which job made each file, from what, and the digests of all."""
    input:
        RESULTS,
        settings=FILES.settings("report"),
    output:
        record=FILES.provenance,
    log:
        f"{LOGS}/provenance.log",
    benchmark:
        f"{BENCHMARKS}/provenance.tsv"
    localrule: True
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["provenance"]["threads"]
    resources:
        **needs("provenance"),
    params:
        results=subpath(output.record, parent=True),
        code=stage_code("provenance"),
    shell:
        "hybridmap provenance {input.settings:q} --results {params.results:q} --out {output.record:q} --log {log:q}"
