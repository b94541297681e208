# Only for regions that name a climate: the forcing table of CLM5 and the raster of its cells.
rule clm5_cells:
    """Monthly forcing of CLM5 for every cell, from a climate."""
    input:
        settings=FILES.settings("climate"),
        fetched=FETCHED,
    output:
        table=FILES.clm5_table,
        cells=FILES.clm5_cells,
    log:
        f"{LOGS}/clm5_cells.log",
    benchmark:
        f"{BENCHMARKS}/clm5_cells.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["clm5_cells"]["threads"]
    resources:
        **needs("clm5_cells"),
    params:
        code=stage_code("clm5-cells"),
        content=content(inputs.clm5_files),
    shell:
        "hybridmap clm5-cells {input.settings:q} --out {output.table:q} --log {log:q}"


rule cube:
    """All covariates on the grid of the region."""
    input:
        settings=FILES.settings("cube"),
        made=FILES.demo_inputs if CONFIG.demo else [],
        clm5=FILES.clm5_table if CONFIG.clm5_forcing else [],
        fetched=FETCHED,
    output:
        store=metadata(FILES.cube),
    log:
        f"{LOGS}/cube.log",
    benchmark:
        f"{BENCHMARKS}/cube.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["cube"]["threads"]
    resources:
        **needs("cube"),
    params:
        store=subpath(output.store, parent=True),
        code=stage_code("cube"),
        content=content(inputs.cube_files),
        lost=lost(metadata(FILES.cube), FILES.cube, sums_file(FILES.cube)),
    shell:
        "hybridmap cube {input.settings:q} --out {params.store:q} --workers {threads} --log {log:q}"


rule covariates:
    """Stage: covariate cube."""
    input:
        rules.cube.output,
    localrule: True


rule sample:
    """Covariates at the sites."""
    input:
        settings=FILES.settings("sample"),
        observations=FILES.observations,
        store=metadata(FILES.cube),
    output:
        table=FILES.samples,
        quality=FILES.sample_quality,
        dropped=FILES.sample_dropped,
    log:
        f"{LOGS}/sample.log",
    benchmark:
        f"{BENCHMARKS}/sample.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["sample"]["threads"]
    resources:
        **needs("sample"),
    params:
        store=subpath(input.store, parent=True),
        code=stage_code("sample"),
    shell:
        "hybridmap sample {input.settings:q} --observations {input.observations:q} --cube {params.store:q}"
        " --out {output.table:q} --quality {output.quality:q} --dropped {output.dropped:q} --log {log:q}"


rule split:
    """Folds of every scheme."""
    input:
        settings=FILES.settings("split"),
        samples=FILES.samples,
        store=metadata(FILES.cube),
    output:
        table=FILES.splits,
    log:
        f"{LOGS}/split.log",
    benchmark:
        f"{BENCHMARKS}/split.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["split"]["threads"]
    resources:
        **needs("split"),
    params:
        store=subpath(input.store, parent=True),
        code=stage_code("split"),
        content=content(inputs.split_files),
    shell:
        "hybridmap split {input.settings:q} --samples {input.samples:q} --cube {params.store:q} --out {output.table:q}"
        " --log {log:q}"
