"""Help, completion, and what is said of words that make no command."""

import os
import subprocess
import sys

import click
import pytest
from conftest import ROOT

from hybridmap.cli import main
from hybridmap.cli.program import PROGRAM, SECTIONS, SHELLS

HEAVY = ("torch", "numpy", "pandas", "xarray", "pydantic", "yaml", "shtab", "hybridmap.files")
"""What the program itself does without."""


def python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


def completed(*words: str) -> list[str]:
    """What a Bash is offered for the last of the words."""
    variables = {"_HYBRIDMAP_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(("hybridmap", *words))}
    done = python("from hybridmap.cli import entry; entry()", **variables, COMP_CWORD=str(len(words)))
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_help_lists_all_verbs_by_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    listed = [line.split()[0] for line in said.splitlines() if line.startswith("  ") and line[2].isalnum()]
    assert set(listed) - {"Hybrid"} == set(PROGRAM.commands)
    assert [line for line in said.splitlines() if line[:-1] in SECTIONS] == [f"{title}:" for title in SECTIONS]


@pytest.mark.parametrize("verb", PROGRAM.commands)
def test_the_help_of_a_verb_explains_all_its_words(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    said = capsys.readouterr().out
    command = PROGRAM.commands[verb]
    assert " ".join(str(command.help).split()) in " ".join(said.split())
    for word in command.params:
        assert word.opts[0].upper() in said or word.opts[0] in said
        assert word.help if isinstance(word, click.Option | click.Argument) else False


def test_help_and_version_import_nothing_heavy() -> None:
    code = "import sys; from hybridmap.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    for words in (["--help"], ["--version"], ["train", "--help"], ["--completion", "bash"], ["train", "--fold"]):
        arguments = f"import sys; sys.argv[1:] = {words}; {code}"
        assert not set(python(arguments).stderr.split()) & set(HEAVY), words


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["trian"], "hybridmap: No such command 'trian'. Did you mean 'train'? 'hybridmap --help'"),
        (["--versoin"], "hybridmap: No such option '--versoin'. Did you mean '--version'?"),
        (["train", "r.yaml", "--experimnt", "x"], "hybridmap train: No such option '--experimnt'. Did you mean '--exp"),
        (["train", "r.yaml", "--out", "o"], "Missing options '--experiment', '--fold', '--samples', '--splits'. "),
        (
            ["export", "r.yaml", "--experiment", "--maps", "m"],
            "hybridmap export: Option '--experiment' requires an argum",
        ),
        (["status"], "hybridmap status: Missing argument 'RESULTS'. 'hybridmap status --help'"),
        (["status", "a", "b"], "unexpected extra argument (b)"),
        (["view", "a", "--port", "x"], "Invalid value for '--port': 'x' is not a valid integer"),
        (["view", "a", "--port", "99999"], "Invalid value for '--port': 99999 is not in the range 0<=x<=65535."),
        (["clm5-forcing", "a.nc", "--out", "o"], "hybridmap clm5-forcing: Give --sites or --region, one of the two."),
        (["--completion", "tcsh"], "Invalid value for '--completion': 'tcsh' is not one of 'bash', 'zsh', 'fish'."),
    ],
)
def test_words_that_make_no_command_get_one_sentence(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.err.count("\n") == 1
    assert not said.out


def test_without_a_verb_the_help_is_shown_as_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Usage: hybridmap [OPTIONS] VERB ..." in capsys.readouterr().err


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_is_that_of_click(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--completion", shell]) == 0
    assert f"_HYBRIDMAP_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_a_shell_completes_verbs_options_and_files() -> None:
    assert completed("next") == ["plain,next-samples"]
    assert completed("export", "r.yaml", "--accept") == ["plain,--accept-implausible"]
    assert completed("train", "r.yaml", "--fold", "block-0", "block-1", "--spl") == ["plain,--splits"]
    assert completed("check", "r") == ["file,r"]
    assert completed("run", "--completion") == []


def test_a_bash_completes_by_the_script(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("programs")
    program = folder / "hybridmap"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m hybridmap.cli "$@"\n')
    program.chmod(0o755)
    script = (
        "source <(hybridmap --completion bash); COMP_WORDS=(hybridmap next); COMP_CWORD=1;"
        ' _hybridmap_completion hybridmap; echo "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment)
    assert (done.stdout, done.stderr) == ("next-samples\n", "")


def test_the_core_without_click_says_what_to_install() -> None:
    done = python("import sys; sys.modules['click'] = None; from hybridmap.cli import entry; entry()")
    assert done.returncode == 1
    assert done.stderr.startswith("hybridmap: needs the package 'click', which is not installed: pip install")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words", [("--hours", "0"), ("--node-cores", "0"), ("--resolution", "-5"), ("--months", "-1"), ("--cells", "1.5")]
)
def test_a_plan_of_nothing_is_one_sentence(words: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "region.yaml", *words]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert words[0] in sentence
