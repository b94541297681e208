rule applicability:
    input:
        settings=f"{REGION}/settings/predict.json",
        experiment=f"{EXPERIMENT}/settings.json",
        model=f"{EXPERIMENT}/{MAP_FOLD}/model/weights.safetensors",
        samples=f"{REGION}/samples.parquet",
        splits=f"{REGION}/splits.parquet",
    output:
        area=f"{EXPERIMENT}/applicability.npz",
    log:
        f"{LOGS}/applicability/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/applicability/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        model=subpath(input.model, parent=True),
        code=code_of(*CORE, "evaluate", "evaluate"),
    shell:
        "hybridmap applicability {input.settings} {input.experiment} --experiment {wildcards.experiment}"
        " --model {params.model} --samples {input.samples} --splits {input.splits} --out {output.area}"
        " --threads {threads} --log {log}"


# With predict.parts above 1, that many jobs share the tiles; the rule below then finishes the store.
rule predict_part:
    input:
        **MAP_INPUTS,
    output:
        touch(f"{EXPERIMENT}/parts/{{part}}of{PARTS}.done"),
    log:
        f"{LOGS}/predict/{{experiment}}_{{part}}.log",
    benchmark:
        f"{BENCHMARKS}/predict/{{experiment}}_{{part}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        model=subpath(input.model, parent=True),
        cube=subpath(input.store, parent=True),
        store=f"{EXPERIMENT}/maps.zarr",
        options=map_options,
        code=code_of(*CORE, "predict", "evaluate", "model", "covariates/cube", "grid"),
    shell:
        PREDICT_PART


rule predict:
    input:
        **MAP_INPUTS,
        parts=(
            [
                f"{EXPERIMENT}/parts/{part}of{PARTS}.done"
                for part in range(1, PARTS + 1)
            ]
            if PARTS > 1
            else []
        ),
    output:
        store=f"{EXPERIMENT}/maps.zarr/zarr.json",
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
        rasters=f"{EXPERIMENT}/maps",
        options=map_options,
        code=code_of(*CORE, "predict", "evaluate", "model", "covariates/cube", "grid"),
    shell:
        PREDICT_WHOLE


rule stac:
    input:
        settings=f"{REGION}/settings/predict.json",
        experiment=f"{EXPERIMENT}/settings.json",
        maps=f"{EXPERIMENT}/maps.zarr/zarr.json",
        summary=f"{EXPERIMENT}/maps.json",
        samples=f"{REGION}/samples.parquet",
    output:
        item=f"{EXPERIMENT}/item.json",
    log:
        f"{LOGS}/stac/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/stac/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        maps=subpath(input.maps, parent=True),
        code=code_of("export/stac"),
    shell:
        "hybridmap stac {input.settings} {input.experiment} --experiment {wildcards.experiment} --maps {params.maps}"
        " --summary {input.summary} --samples {input.samples} --out {output.item} --log {log}"


rule totals:
    input:
        settings=f"{REGION}/settings/predict.json",
        experiment=f"{EXPERIMENT}/settings.json",
        maps=f"{EXPERIMENT}/maps.zarr/zarr.json",
        polygons=[under(CONFIG.data_root, one.polygons) for one in CONFIG.totals],
    output:
        table=f"{EXPERIMENT}/totals.csv",
    log:
        f"{LOGS}/totals/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/totals/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        maps=subpath(input.maps, parent=True),
        code=code_of("export/totals", "grid", "grid"),
    shell:
        "hybridmap totals {input.settings} {input.experiment} --experiment {wildcards.experiment} --maps {params.maps}"
        " --out {output.table} --log {log}"


rule maps:
    input:
        expand(rules.predict.output.summary, experiment=MAPPED),
        expand(rules.stac.output.item, experiment=MAPPED),
        expand(rules.totals.output.table, experiment=MAPPED if CONFIG.totals else []),
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
        code=code_of("evaluate/reference_map", "covariates/cube", "grid", "evaluate"),
    shell:
        "hybridmap reference {input.settings} --maps {params.store} --out {output.comparison} --log {log}"
