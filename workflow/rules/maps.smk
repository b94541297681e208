rule applicability:
    """Area of applicability of an experiment."""
    input:
        settings=FILES.settings("predict"),
        experiment=EXPERIMENT.settings,
        trained=trained(MAP_FOLD),
        samples=FILES.samples,
        splits=FILES.splits,
    output:
        area=EXPERIMENT.applicability,
    log:
        f"{LOGS}/applicability/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/applicability/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["applicability"]["threads"]
    resources:
        **needs("applicability"),
    params:
        model=str(EXPERIMENT.fold(MAP_FOLD).model),
        code=code_of("applicability"),
    shell:
        "hybridmap applicability {input.settings:q} {input.experiment:q} --experiment {wildcards.experiment:q}"
        " --model {params.model:q} --samples {input.samples:q} --splits {input.splits:q} --out {output.area:q}"
        " --threads {threads} --log {log:q}"


# Sites of held-out regions say what errors to expect away from all sites.
rule expected_error:
    """Errors to expect away from all sites, from held-out regions."""
    input:
        settings=EXPERIMENT.settings,
        area=EXPERIMENT.applicability,
        samples=FILES.samples,
        splits=FILES.splits,
        predictions=EXPERIMENT.scores.predictions,
    output:
        table=EXPERIMENT.expected_error.table,
        sites=EXPERIMENT.expected_error.sites,
        regions=EXPERIMENT.expected_error.regions,
        summary=EXPERIMENT.expected_error.summary,
    log:
        f"{LOGS}/expected_error/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/expected_error/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["expected_error"]["threads"]
    resources:
        **needs("expected_error"),
    params:
        folder=subpath(output.table, parent=True),
        code=code_of("expected-error"),
        lost=lost(
            EXPERIMENT.expected_error.table,
            EXPERIMENT.expected_error.sites,
            EXPERIMENT.expected_error.regions,
            EXPERIMENT.expected_error.summary,
        ),
    shell:
        "hybridmap expected-error {input.settings:q} --experiment {wildcards.experiment:q} --applicability {input.area:q}"
        " --samples {input.samples:q} --splits {input.splits:q} --predictions {input.predictions:q}"
        " --out {params.folder:q} --threads {threads} --log {log:q}"


# One file stands for all that the shares of a map read: a job that waits for one file is planned in half the time.
rule predict_inputs:
    """What all shares of a map read, by its sums."""
    input:
        **MAP_INPUTS,
    output:
        EXPERIMENT.part_inputs,
    log:
        f"{LOGS}/predict/{{experiment}}_inputs.log",
    localrule: True
    conda:
        "../../envs/hybridmap.yaml"
    params:
        code=code_of("predict"),
        tables=content(inputs.experiment_files, "experiment"),
    shell:
        "hybridmap sums {input:q} --also {params.code:q} {params.tables:q} --out {output:q} --log {log:q}"


# With predict.parts above 1, that many jobs share the tiles; the rule below then finishes the store.
rule predict_part:
    """One of predict.parts shares of the tiles of a map."""
    input:
        EXPERIMENT.part_inputs,
    output:
        touch(EXPERIMENT.part("{part}", PARTS)),
    log:
        f"{LOGS}/predict/{{experiment}}_{{part}}.log",
    benchmark:
        f"{BENCHMARKS}/predict/{{experiment}}_{{part}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["predict_part"]["threads"]
    resources:
        **needs("predict_part"),
    params:
        command=map_command,
    shell:
        f"{MAP_JOB} --part {{wildcards.part}}/{PARTS}"


rule predict:
    """Maps of an experiment as Zarr."""
    input:
        **MAP_INPUTS,
        parts=(
            [EXPERIMENT.part(str(part), PARTS) for part in range(1, PARTS + 1)]
            if PARTS > 1
            else []
        ),
    output:
        store=metadata(EXPERIMENT.maps),
    log:
        f"{LOGS}/predict/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/predict/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: map_threads()
    resources:
        **needs("predict"),
    params:
        command=map_command,
        code=code_of("predict"),
        tables=content(inputs.experiment_files, "experiment"),
        lost=lost(
            metadata(EXPERIMENT.maps),
            EXPERIMENT.maps,
            sums_file(EXPERIMENT.maps),
        ),
    shell:
        MAP_JOB


# What the maps say of themselves is written into their store here: a title makes no map anew. Who reads the store waits
# for it, and starts again for new maps alone.
rule export:
    """Maps as GeoTIFF, what all their files say of themselves, a STAC item with a picture, and a QGIS project."""
    input:
        settings=FILES.settings("export"),
        experiment=EXPERIMENT.settings,
        maps=metadata(EXPERIMENT.maps),
        trained=trained(MAP_FOLD),
        samples=FILES.samples,
        predictions=EXPERIMENT.scores.predictions,
    output:
        summary=EXPERIMENT.map_list,
        item=EXPERIMENT.stac_item,
        thumbnail=EXPERIMENT.thumbnail,
        project=EXPERIMENT.project,
    log:
        f"{LOGS}/export/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/export/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["export"]["threads"]
    resources:
        **needs("export"),
    params:
        model=lambda wildcards: str(
            FILES.experiment(wildcards.experiment).fold(MAP_FOLD).model
        ),
        maps=subpath(input.maps, parent=True),
        rasters=lambda wildcards: str(FILES.experiment(wildcards.experiment).rasters),
        catalog=str(FILES.catalog),
        title=title_of_maps,
        code=code_of("export"),
        tables=content(inputs.experiment_files, "experiment"),
        lost=lost(
            EXPERIMENT.map_list,
            EXPERIMENT.rasters,
            sums_file(EXPERIMENT.rasters),
            EXPERIMENT.stac_item,
            EXPERIMENT.thumbnail,
            EXPERIMENT.project,
        ),
    shell:
        "hybridmap export {input.settings:q} {input.experiment:q} --experiment {wildcards.experiment:q} {params.title:q}"
        " --model {params.model:q} --maps {params.maps:q} --samples {input.samples:q} --predictions {input.predictions:q}"
        " --rasters {params.rasters:q} --summary {output.summary:q} --item {output.item:q} --catalog {params.catalog:q}"
        " --project {output.project:q} --log {log:q}"


rule catalog:
    """STAC catalog over the items of all experiments."""
    input:
        settings=FILES.settings("export"),
        described=expand(EXPERIMENT.stac_item, experiment=MAPPED),
    output:
        catalog=FILES.catalog,
    log:
        f"{LOGS}/catalog.log",
    benchmark:
        f"{BENCHMARKS}/catalog.tsv"
    localrule: True
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["catalog"]["threads"]
    resources:
        **needs("catalog"),
    params:
        code=stage_code("catalog"),
    shell:
        "hybridmap catalog {input.settings:q} --items {input.described:q} --out {output.catalog:q} --log {log:q}"


rule netcdf_of_experiment:
    """All maps of an experiment in one NetCDF file, which GDAL before 3.13 reads, so QGIS and R."""
    input:
        maps=metadata(EXPERIMENT.maps),
        exported=EXPERIMENT.map_list,
    output:
        file=EXPERIMENT.netcdf,
    log:
        f"{LOGS}/netcdf/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/netcdf/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["netcdf_of_experiment"]["threads"]
    resources:
        **needs("netcdf_of_experiment"),
    params:
        maps=subpath(input.maps, parent=True),
        code=code_of("netcdf"),
    shell:
        "hybridmap netcdf {params.maps:q} {output.file:q} 2> {log:q}"


rule netcdf:
    """Stage on request: maps as NetCDF."""
    input:
        expand(EXPERIMENT.netcdf, experiment=MAPPED),
    localrule: True


rule totals:
    """Totals of polygons with intervals, and changes under scenarios."""
    input:
        settings=FILES.settings("predict"),
        experiment=EXPERIMENT.settings,
        maps=metadata(EXPERIMENT.maps),
        exported=ancient(EXPERIMENT.map_list),
        calibration=MAP_INPUTS.get("calibration", []),
    output:
        table=EXPERIMENT.totals,
        changes=EXPERIMENT.changes,
    log:
        f"{LOGS}/totals/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/totals/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["totals"]["threads"]
    resources:
        **needs("totals"),
    params:
        maps=subpath(input.maps, parent=True),
        calibration=lambda wildcards, input: (
            ["--calibration", str(input.calibration)] if input.calibration else []
        ),
        code=code_of("totals"),
        content=content(inputs.totals_files),
    shell:
        "hybridmap totals {input.settings:q} {input.experiment:q} --experiment {wildcards.experiment:q}"
        " --maps {params.maps:q} {params.calibration:q} --out {output.table:q}"
        " --changes {output.changes:q} --log {log:q}"


rule maps:
    """Stage: maps of all experiments."""
    input:
        expand(rules.export.output.summary, experiment=MAPPED),
        rules.catalog.output if MAPPED else [],
        expand(rules.totals.output, experiment=WITH_STOCK if CONFIG.totals else []),
    localrule: True


rule diagnose_experiment:
    """Physics, saturation and the verdict on an experiment."""
    input:
        settings=FILES.settings("diagnose"),
        experiment=EXPERIMENT.settings,
        predictions=EXPERIMENT.scores.predictions,
        skill=EXPERIMENT.scores.skill,
        samples=FILES.samples,
        trained=lambda wildcards: expand(
            trained(folds_of(wildcards.experiment)[-1]),
            experiment=wildcards.experiment,
        ),
        maps=lambda wildcards: (
            metadata(EXPERIMENT.maps) if wildcards.experiment in MAPPED else []
        ),
        exported=lambda wildcards: (
            ancient(EXPERIMENT.map_list) if wildcards.experiment in MAPPED else []
        ),
        held_out=lambda wildcards: (
            EXPERIMENT.expected_error.summary
            if wildcards.experiment in MAPPED and CONFIG.predict.applicability
            else []
        ),
        identifiability=identifiability_of,
    output:
        saturation=EXPERIMENT.saturation,
        verdict=EXPERIMENT.verdict,
    log:
        f"{LOGS}/diagnose/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/diagnose/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["diagnose_experiment"]["threads"]
    resources:
        **needs("diagnose_experiment"),
    params:
        model=lambda wildcards: str(
            FILES.experiment(wildcards.experiment)
            .fold(folds_of(wildcards.experiment)[-1])
            .model
        ),
        maps=lambda wildcards, input: (
            ["--maps", Path(input.maps).parent.as_posix()] if input.get("maps") else []
        ),
        held_out=lambda wildcards, input: (
            ["--held-out", input.held_out] if input.get("held_out") else []
        ),
        content=content(inputs.report_files),
        folder=str(EXPERIMENT.verdict.parent),
        code=code_of("diagnose"),
        lost=lost(EXPERIMENT.verdict, EXPERIMENT.saturation),
    shell:
        "hybridmap diagnose {input.settings:q} {input.experiment:q} --experiment {wildcards.experiment:q} --predictions {input.predictions:q}"
        " {params.maps:q} {params.held_out:q} --model {params.model:q} --skill {input.skill:q}"
        " --identifiability {input.identifiability:q} --samples {input.samples:q} --out {params.folder:q} --log {log:q}"


rule diagnose:
    """Stage: diagnostics."""
    input:
        expand(rules.diagnose_experiment.output.verdict, experiment=EXPERIMENTS),
    localrule: True


rule reference:
    """Comparison with a published map."""
    input:
        settings=FILES.settings("report"),
        maps=metadata(EXPERIMENT.maps),
        exported=ancient(EXPERIMENT.map_list),
    output:
        comparison=EXPERIMENT.reference,
    log:
        f"{LOGS}/reference/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/reference/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["reference"]["threads"]
    resources:
        **needs("reference"),
    params:
        store=subpath(input.maps, parent=True),
        code=code_of("reference"),
        content=content(inputs.reference_files),
    shell:
        "hybridmap reference {input.settings:q} --maps {params.store:q} --out {output.comparison:q} --log {log:q}"
