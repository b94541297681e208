rule predict:
    input:
        settings=f"{REGION}/settings/cube.json",
        experiment=f"{EXPERIMENT}/settings.json",
        model=f"{EXPERIMENT}/{MAP_FOLD}/model/weights.safetensors",
        store=f"{REGION}/covariates.zarr/zarr.json",
    output:
        store=f"{EXPERIMENT}/maps.zarr/zarr.json",
        soc=f"{EXPERIMENT}/maps/soc.tif",
        summary=f"{EXPERIMENT}/maps.json",
    log:
        f"{LOGS}/predict/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/predict/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        model=subpath(input.model, parent=True),
        cube=subpath(input.store, parent=True),
        store=subpath(output.store, parent=True),
        rasters=subpath(output.soc, parent=True),
        code=code_of(*CORE, "predict", "data/cube", "data/grid"),
    shell:
        "hybridmap predict {input.settings} {input.experiment} --experiment {wildcards.experiment}"
        " --model {params.model} --cube {params.cube} --out {params.store} --rasters {params.rasters}"
        " --summary {output.summary} --workers {threads} --log {log}"


rule maps:
    input:
        expand(rules.predict.output.summary, experiment=MAPPED),
    localrule: True


rule diagnose_experiment:
    input:
        settings=f"{EXPERIMENT}/settings.json",
        predictions=f"{EXPERIMENT}/evaluation/predictions.parquet",
        weights=lambda wildcards: f"{EXPERIMENT}/{folds_of(wildcards.experiment)[-1]}/model/weights.safetensors",
        maps=lambda wildcards: (
            f"{EXPERIMENT}/maps.zarr/zarr.json"
            if wildcards.experiment in MAPPED
            else []
        ),
    output:
        saturation=f"{EXPERIMENT}/diagnostics/saturation.json",
        verdict=f"{EXPERIMENT}/diagnostics/verdict.json",
    log:
        f"{LOGS}/diagnose/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/diagnose/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        model=subpath(input.weights, parent=True),
        maps=lambda wildcards, input: (
            f"--maps {Path(input.maps).parent.as_posix()}" if input.get("maps") else ""
        ),
        folder=subpath(output.verdict, parent=True),
        code=code_of("diagnose", "hybrid", "constraints", "process"),
    shell:
        "hybridmap diagnose {input.settings} --experiment {wildcards.experiment} --predictions {input.predictions}"
        " {params.maps} --model {params.model} --out {params.folder} --log {log}"


rule diagnose:
    input:
        expand(rules.diagnose_experiment.output.verdict, experiment=EXPERIMENTS),
    localrule: True


rule reference:
    input:
        settings=f"{REGION}/settings/report.json",
        maps=f"{EXPERIMENT}/maps.zarr/zarr.json",
    output:
        comparison=f"{EXPERIMENT}/reference.json",
    log:
        f"{LOGS}/reference/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/reference/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        store=subpath(input.maps, parent=True),
        code=code_of("reference", "data/cube", "data/grid", "metrics"),
    shell:
        "hybridmap reference {input.settings} --maps {params.store} --out {output.comparison} --log {log}"
