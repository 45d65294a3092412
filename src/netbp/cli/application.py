"""The commands, their words and their help; what they do is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from inspect import BoundArguments
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Group, Parameter

from netbp import __version__
from netbp.cli.flags import number_of, whole
from netbp.files import same_place

PAPER, OWN, RUNS = Group("The paper", sort_key=0), Group("Your own data", sort_key=1), Group("Runs", sort_key=2)

HELP = """Deep learning for applied mathematicians: the system of Higham & Higham's introduction.

Try `netbp figure 7`, or `netbp paper` for all figures and numbers of the paper beside ours.
"""
EPILOGUE = "Every command explains itself: `netbp fit --help`. With --debug, errors show their traceback."


WHOLE: dict[str, Any] = {"converter": lambda _, tokens: whole(tokens[0].value), "n_tokens": 1}
"""How a whole number is read: cyclopts would take 0.5 for 0."""
SECONDS: dict[str, Any] = {"converter": lambda _, tokens: number_of("seconds", tokens[0].value, float), "n_tokens": 1}
WRITTEN = frozenset({"out", "save", "skeleton", "confusion", "results"})
"""Parameters that name what a command writes; every other path is something that it reads."""


def read_by(bound: BoundArguments) -> Iterator[Path]:
    """The paths that a command reads, from its arguments."""
    for name, value in bound.arguments.items():
        if name not in WRITTEN:
            yield from (path for path in (value if isinstance(value, tuple) else (value,)) if isinstance(path, Path))


def check_written(bound: BoundArguments) -> None:
    """Raise ValueError where a command is to write two things to one file."""
    written = {name: value for name, value in bound.arguments.items() if name in WRITTEN and isinstance(value, Path)}
    for (one, path), (other, second) in combinations(written.items(), 2):
        if same_place(path, second):
            raise ValueError(f"--{one} {path} and --{other} {second} are the same file: give each its own name")


def application(words: Sequence[str]) -> App:
    """The command line as cyclopts sees it; only what `words` calls for is filled in, everything for completion."""
    app = App("netbp", help=HELP, help_epilogue=EPILOGUE, version=__version__, suppress_keyboard_interrupt=False)
    app.register_install_completion_command()
    app["--install-completion"].group = app["--help"].group = app["--version"].group = Group("This program", sort_key=9)
    asked = next((word for word in words if not word.startswith("-")), "")
    everything = "--install-completion" in words
    app.command(_figures(everything or asked == "figure"))
    app.command(_experiments(everything or asked == "run"))
    app.command(paper, group=PAPER)
    app.command(lab, group=PAPER)
    app.command(check, group=PAPER)
    app.command(exercise, group=PAPER)
    _own_data(app, asked, everything)
    app.command(saved, name="list", group=RUNS)
    app.command(describe, group=RUNS)
    app.command(explain, group=RUNS)
    app.command(export, group=RUNS)
    app.command(_sweeps(everything or asked == "sweep"))
    return app


def _figures(filled: bool) -> App:
    app = App("figure", group=PAPER, help="Draw a figure of the paper, computed anew.")
    app.help_epilogue = "Example: `netbp figure 7 --rate 0.1 --out slow.pdf`"
    app.group_commands = Group("Figures")
    if filled:
        from netbp.cli.figures import figure_command
        from netbp.experiments import FIGURES, PICTURES, TITLES

        for number, experiment in sorted(FIGURES.items()):
            app.command(figure_command(number, experiment, TITLES[number]), name=str(number), sort_key=number)
        for name, (experiment, title) in PICTURES.items():
            app.command(figure_command(name, experiment, title), name=name, sort_key=100)
    return app


def _experiments(filled: bool) -> App:
    app = App("run", group=PAPER, help="Run an experiment with settings of your own, and save the run.")
    app.help_epilogue = "Example: `netbp run stochastic --rate 0.1 --steps 1e5`"
    app.group_commands = Group("Experiments")
    if filled:
        from netbp.cli.experiments import run_command
        from netbp.experiments import EXPERIMENTS

        for name, experiment in EXPERIMENTS.items():
            app.command(run_command(name, experiment), name=name)
    return app


def _sweeps(filled: bool) -> App:
    app = App("sweep", group=RUNS, help="Run an experiment with many settings, on all cores or on a cluster.")
    app.help_epilogue = "Example: `netbp sweep stochastic --seed 0:10 --rate 0.01,0.05,0.1`"
    app.group_commands = Group("Experiments")
    if filled:
        from netbp.cli.sweep import sweep_command
        from netbp.experiments import EXPERIMENTS
        from netbp.experiments.table import Fit

        for name, experiment in EXPERIMENTS.items():
            if hasattr(experiment, "problem"):
                app.command(sweep_command(name, experiment), name=name)
        app.command(sweep_command("fit", Fit), name="fit")
    return app


def _own_data(app: App, asked: str, everything: bool) -> None:
    for name, told in (
        ("fit", "Train a network on a table of your own, to classify or to predict numbers."),
        ("predict", "Apply a trained network to a table, or to images: predictions and, for categories, their probabilities."),
    ):
        if everything or asked == name:
            from netbp.cli import tables

            app.command({"fit": tables.fit_command, "predict": tables.predict_command}[name](), name=name, group=OWN)
        else:
            app.command(App(name, help=told, group=OWN))


def paper(
    *,
    out: Annotated[Path, Parameter(help="the folder to write")] = Path("paper"),
    section: Annotated[
        int | None,
        Parameter(**WHOLE, help="7 adds section 7, from two runs on CIFAR-10; what is not in runs/ is trained", metavar="7"),
    ] = None,
    cifar: Annotated[Path | None, Parameter(help="a saved run of `netbp run cifar`, for section 7")] = None,
    cifar_dropout: Annotated[Path | None, Parameter(help="a saved run of `netbp run cifar --dropout`, for section 7")] = None,
    resume: Annotated[bool, Parameter(help="go on with a run for section 7 that was stopped", negative=())] = False,
) -> int:
    """Compute sections 2 to 6 of the paper: every figure, every printed number beside ours, in one page.

    Example: `netbp paper --out paper`, then open `paper/report.html`.
    """
    from netbp.cli.paper import write_paper

    return write_paper(out, section, cifar, cifar_dropout, resume)


def lab(
    *,
    port: Annotated[
        int | None, Parameter(**WHOLE, help="where to listen on this machine; 0 takes any free port (otherwise 2019, if free)")
    ] = None,
    browser: Annotated[bool, Parameter(help="open the page in the browser, too")] = True,
    runs: Annotated[Path, Parameter(help="the folder whose saved runs of images the page can show")] = Path("runs"),
    host: Annotated[
        str, Parameter(help="a name or address of this machine that others reach; then whoever has the token can use the lab")
    ] = "",
) -> int:
    """Open the lab: train, watch and take apart a network in the browser. Ctrl-C stops it.

    Example: `netbp lab`, or over ssh `netbp lab --port 2019 --no-browser`
    """
    from netbp.lab.launch import run_lab

    return run_lab(port, browser, host, runs)


def check(
    run: Annotated[Path | None, Parameter(help="a saved run; without one, a network at a random start")] = None,
    /,
    *,
    network: Annotated[str, Parameter(help="the network's widths")] = "2-2-3-2",
    activation: Annotated[str, Parameter(help="the activation of its layers")] = "sigmoid",
    cost: Annotated[str, Parameter(help="the cost: quadratic or softmax_log_loss")] = "quadratic",
    seed: Annotated[int, Parameter(**WHOLE, help="where the random start and directions come from")] = 0,
) -> int:
    """Check the gradient of back propagation against differences and the Taylor remainder; exit code 1 when it does not hold.

    Example: `netbp check --network 4-5-3 --activation tanh`
    """
    from netbp.cli.inspection import check_gradient

    return check_gradient(run, network, activation, cost, seed)


def exercise(
    number: Annotated[int | None, Parameter(**WHOLE, help="which exercise; without it, they are listed")] = None,
    answer: Annotated[Path | None, Parameter(help="a file of Python with your functions; it is run")] = None,
    /,
    *,
    skeleton: Annotated[Path | None, Parameter(help="write a file to begin with")] = None,
    seconds: Annotated[float, Parameter(**SECONDS, help="the time limit for an answer")] = 60.0,
) -> int:
    """List the exercises for a class, show one, or check an answer; exit code 1 when it is not right.

    Checking runs the file that it is given, with your rights: check only what you would run yourself.

    Examples: `netbp exercise 3`, `netbp exercise 3 answer.py`
    """
    from netbp.cli.exercises import exercise_it

    return exercise_it(number, answer, skeleton, seconds)


def saved(folder: Annotated[Path, Parameter(help="where to look for saved runs")] = Path("runs"), /) -> int:
    """List the figures, experiments and methods there are, and the runs that are saved."""
    from netbp.cli.inspection import list_all

    return list_all(folder)


def describe(what: Annotated[str, Parameter(help="a saved run, widths such as 2-8-8-2, or an experiment's name")], /) -> int:
    """Say what is in a saved run, or show a network: its layers, what they cost, and how its parameters are laid out.

    Examples: `netbp describe 2-2-3-2`, `netbp describe stochastic`
    """
    from netbp.cli.inspection import describe_it

    return describe_it(what)


def explain(
    run: Annotated[Path, Parameter(help="a saved run")],
    /,
    *,
    point: Annotated[int, Parameter(**WHOLE, help="which training point, counted from 1")] = 1,
) -> int:
    """Show back propagation (Lemma 1) with numbers at one training point of a saved run.

    Example: `netbp explain runs/stochastic.npz --point 7`
    """
    from netbp.cli.inspection import explain_point

    return explain_point(run, point)


def export(
    run: Annotated[Path, Parameter(help="a saved run")],
    out: Annotated[Path, Parameter(help="the file to write: .mat, .onnx or .safetensors")],
    /,
) -> int:
    """Write a run for other programs: a MATLAB .mat file (W2, b2, ..., p, savecost), an ONNX graph, or safetensors.

    An ONNX graph is run in onnxruntime and compared with the network before it is written.

    Examples: `netbp export runs/stochastic.npz costvec.mat`, `netbp export runs/stochastic.npz network.safetensors`
    """
    from netbp.cli.export import export_run

    return export_run(run, out)
