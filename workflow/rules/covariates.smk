rule cube:
    input:
        settings=f"{REGION}/settings/cube.json",
        made=INPUTS if CONFIG.demo else [],
        fetched=FETCHED,
    output:
        store=f"{REGION}/covariates.zarr/zarr.json",
    log:
        f"{LOGS}/cube.log",
    benchmark:
        f"{BENCHMARKS}/cube.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        store=subpath(output.store, parent=True),
        code=code_of(
            "covariates/cube",
            "covariates/cube_build",
            "covariates/layers",
            "covariates/warp",
            "covariates/derive",
            "covariates/raster_source",
            "grid",
        ),
    shell:
        "hybridmap cube {input.settings} --out {params.store} --workers {threads} --log {log}"


rule covariates:
    input:
        rules.cube.output,
    localrule: True


rule sample:
    input:
        settings=f"{REGION}/settings/sample.json",
        observations=f"{REGION}/observations.parquet",
        store=f"{REGION}/covariates.zarr/zarr.json",
    output:
        table=f"{REGION}/samples.parquet",
        quality=f"{REGION}/quality_samples.csv",
    log:
        f"{LOGS}/sample.log",
    benchmark:
        f"{BENCHMARKS}/sample.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        store=subpath(input.store, parent=True),
        code=code_of("samples/sample", "covariates/cube", "grid"),
    shell:
        "hybridmap sample {input.settings} --observations {input.observations} --cube {params.store}"
        " --out {output.table} --quality {output.quality} --log {log}"


rule split:
    input:
        settings=f"{REGION}/settings/split.json",
        samples=f"{REGION}/samples.parquet",
        store=f"{REGION}/covariates.zarr/zarr.json",
    output:
        table=f"{REGION}/splits.parquet",
    log:
        f"{LOGS}/split.log",
    benchmark:
        f"{BENCHMARKS}/split.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        store=subpath(input.store, parent=True),
        code=code_of("samples/splits", "samples/distances", "grid"),
    shell:
        "hybridmap split {input.settings} --samples {input.samples} --cube {params.store} --out {output.table}"
        " --log {log}"
