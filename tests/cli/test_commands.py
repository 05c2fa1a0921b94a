"""What the commands do, as a shell sees it."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fasm
from fasm.cli import main
from tests.cli.command import fasm_command
from tests.repro.project import FIX, Project


def test_a_simulation_that_passes(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.edit(*FIX)
    assert main(["simulate", f"{project.name}:BankScenario", "--seeds", "3", "--steps", "1_00"]) == 0
    assert capsys.readouterr().out.startswith("PASSED  BankScenario: 3 seeds, 300 steps")


def test_a_simulation_that_fails_ends_with_the_line_that_replays_it(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", f"{project.path}:BankScenario"]) == 1
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("replay: fasm replay .fasm/BankScenario-never_negative-")
    assert main(line.split()[2:]) == 1
    assert "ended: reproduced" in capsys.readouterr().out
    project.edit(*FIX)
    assert main(line.split()[2:]) == 0
    assert "ended: fixed" in capsys.readouterr().out
    project.edit("rng.randint(1, 5)", "rng.choice([1, 2])")
    assert main(line.split()[2:]) == 3
    assert "diverged at step 1: expected pay draws randint out of 5" in capsys.readouterr().out


ONLY_CRASHES = dataclasses.replace(fasm.Faults.none(), crash=0.5)
FEW_LAWS = fasm.Laws(atomicity="always", purity=0.5, settle=False, determinism=0)
SAME: list[tuple[str, dict[str, object]]] = [
    ("--seeds 4", {"seeds": 4}),
    ("--seeds 2-4", {"seeds": range(2, 5)}),
    ("--seeds 5,", {"seeds": [5]}),
    ("--faults none,crash=0.5", {"faults": ONLY_CRASHES}),
    ("--faults crash=0.5 --steps 50", {"faults": fasm.Faults(crash=0.5), "steps": 50}),
    ("--laws atomicity=always,purity=0.5,settle=off,determinism=0", {"laws": FEW_LAWS}),
    ("--no-swarm --in-flight 2", {"swarm": False, "in_flight": 2}),
    ("--max-failures 3 --shrink-replays 10", {"max_failures": 3, "shrink_replays": 10}),
    ("--shrink-s 1.5 --budget-s 100", {"shrink_s": 1.5, "budget_s": 100}),
    ("--strict --settle-steps 500", {"strict": True, "settle_steps": 500}),
    ("--jobs 2 --seeds 20", {"seeds": 20}),
    ("--event-loop --seeds 2", {"seeds": 2}),
]


@pytest.mark.parametrize(("words", "options"), SAME, ids=[words for words, _ in SAME])
def test_options_mean_what_the_arguments_of_simulate_mean(
    project: Project,
    words: str,
    options: dict[str, object],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FASM_DIR", "")
    steps = [] if "--steps" in words else ["--steps", "200"]
    main(["simulate", f"{project.name}:BankScenario", "--json", *steps, *words.split()])
    found = json.loads(capsys.readouterr().out)
    report = fasm.simulate(project.scenario, check=False, **{"steps": 200, **options})
    wanted = json.loads(report.to_json())
    for timed in ("elapsed_s", "steps_per_s"):
        found.pop(timed)
        wanted.pop(timed)
    assert found == wanted


def test_an_exploration(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explore", f"{project.name}:BankScenario", "--depth", "2", "--json", "--laws", "settle=off"]
    assert main(words) == 3
    assert json.loads(capsys.readouterr().out)["verdict"] == "UNDETERMINED"
    project.edit("money: int = 10", "money: int = 1")
    assert main([*words[:3], "5"]) == 1
    assert "explored: " in capsys.readouterr().out


def test_a_vacuous_run_has_an_exit_code_of_its_own(project: Project) -> None:
    assert main(["simulate", f"{project.name}:BankScenario", "--steps", "2", "--seeds", "1", "--strict"]) == 4


def test_json_stands_alone_whatever_the_scenario_prints(project: Project) -> None:
    project.edit("match event:", "print('noise')\n        match event:")
    done = fasm_command("simulate", f"{project.name}:BankScenario", "--json", "--jobs", "2", "--seeds", "40")
    assert done.code == 1
    assert json.loads(done.out)["verdict"] == "FAILED"
    assert "noise" in done.err


def test_a_file_inside_a_package_keeps_its_name(project: Project) -> None:
    package = project.directory / "src" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "prices.py").write_text("HIGHEST = 5\n")
    source = project.source.replace("randint(1, 5)", "randint(1, HIGHEST)")
    (package / "bank.py").write_text(
        source.replace("import fasm\n", "import fasm\nfrom .prices import HIGHEST\n", 1)
    )
    done = fasm_command("simulate", "src/shop/bank.py:BankScenario")
    assert done.code == 1, done.err
    stored = next(Path(".fasm").glob("*.json"))
    assert json.loads(stored.read_text())["target"] == "shop.bank:BankScenario"
    assert fasm_command("replay", stored.as_posix()).code == 1


def test_a_replay_with_the_target_that_the_report_names(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["simulate", f"{project.name}:make"])
    line = capsys.readouterr().out.splitlines()[-1].removeprefix("replay: fasm ")
    assert line.endswith(f"--target {project.name}:make")
    assert main(line.split()[:2]) == 2
    assert "--target" in capsys.readouterr().err
    assert main([*line.split(), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ended"] == "reproduced"


def test_a_stored_failure_can_be_read_without_running_it(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = project.store()
    project.write("raise AssertionError('this module must not be imported')\n")
    assert main(["repro", stored.as_posix()]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{project.name}:BankScenario breaks invariant:never_negative\n")
    assert "input pay" in out


@pytest.mark.parametrize("option", [[], ["--target", "NAME:make"], ["--target", "NAME:BankScenario"]])
def test_a_failure_becomes_a_test_that_fails_today_and_passes_once_fixed(
    project: Project, option: list[str]
) -> None:
    stored = project.store().as_posix()
    names = [word.replace("NAME", project.name) for word in option]
    assert main(["repro", stored, "--as-pytest", *names, "-o", "test_it.py"]) == 0
    Path(stored).unlink()  # the test needs no file beside it
    outcome = run_pytest("test_it.py")
    assert "invariant:never_negative broken by seed 0" in outcome.stdout
    assert "1 failed" in outcome.stdout
    broken = project.source
    project.edit(*FIX)
    assert "1 passed" in run_pytest("test_it.py").stdout
    project.write(broken.replace("case Normal(amount):", "case Normal(amount) if state.money > 99:"))
    assert "1 passed" in run_pytest("test_it.py").stdout


def test_a_test_is_printed_where_no_file_is_named(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["repro", project.store().as_posix(), "--as-pytest"]) == 0
    source = capsys.readouterr().out
    compile(source, "test_it.py", "exec")
    assert "def test_bank_scenario_never_negative_deliver() -> None:" in source


def run_pytest(*words: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "fasm.pytest_plugin",
        *words,
    ]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", ["simulate TARGET --steps 1000000000", "explore TARGET --depth 1000"])
def test_ctrl_c_prints_the_report_so_far(project: Project, words: str) -> None:
    project.edit(*FIX)
    words = words.replace("TARGET", f"{project.name}:BankScenario")
    process = subprocess.Popen(
        [sys.executable, "-m", "fasm", *words.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until_it_runs(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert out.startswith("UNDETERMINED  BankScenario: 1 seed")
    assert "ended: interrupted" in out
    assert err == "fasm: interrupted\n"


def wait_until_it_runs(process: subprocess.Popen[str]) -> None:
    """Waits until the process has used half a second: by then it simulates."""
    for _ in range(600):
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        if int(fields[11]) + int(fields[12]) > os.sysconf("SC_CLK_TCK") / 2:
            return
        time.sleep(0.05)


def test_a_reader_that_has_seen_enough_gets_no_traceback(project: Project) -> None:
    command = f"{sys.executable} -m fasm simulate {project.name}:BankScenario | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_scenario_that_leaves_is_no_success(project: Project) -> None:
    project.edit("return rng.randint(1, 5)", "raise SystemExit(0)")
    done = fasm_command("simulate", f"{project.name}:BankScenario")
    assert done.code == 3
    assert done.out.startswith("UNDETERMINED")
    assert "the scenario ended the run: SystemExit(0)" in done.err


def test_the_command_is_installed() -> None:
    from importlib.metadata import PackageNotFoundError, entry_points, version

    try:
        version("fasm-py")
    except PackageNotFoundError:
        pytest.skip("fasm is run from its sources")
    (entry,) = entry_points(group="console_scripts", name="fasm")
    assert entry.load() is main
