DATA = expand_path(CONFIG.data_root)
# Receipts of the data sets that the region names under `downloads`; what reads files waits for them.
FETCHED = expand(f"{DATA}/{{download}}/fetched.json", download=CONFIG.downloads)


# No fingerprint of code: what is fetched is decided by address and digest, and a change of code must not fetch again.
rule fetch:
    """Open data that the region names, downloaded and unpacked."""
    output:
        receipt=f"{DATA}/{{download}}/fetched.json",
    log:
        f"{LOGS}/fetch/{{download}}.log",
    benchmark:
        f"{BENCHMARKS}/fetch/{{download}}.tsv"
    retries: 2
    localrule: True
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["fetch"]["threads"]
    resources:
        **needs("fetch"),
    params:
        root=subpath(output.receipt, ancestor=2),
        options=(["--offline"] if CONFIG.offline else [])
        + (["--from", CONFIG.downloads_from] if CONFIG.downloads_from else []),
        lost=missing(f"{DATA}/{{download}}/fetched.json"),
    shell:
        "hybridmap fetch {wildcards.download:q} --to {params.root:q} {params.options:q} --log {log:q}"
