"""RISCOF plug-in: compiles architectural tests and runs them on rv-emu.

RISCOF calls the four methods of the class in the order in which they stand here. A test that can't be
compiled or run gets a signature that says so: RISCOF gives up altogether when a signature is missing.
"""

import logging
import os
import shlex
import shutil
from pathlib import Path

from riscof import utils
from riscof.pluginTemplate import pluginTemplate

logger = logging.getLogger(__name__)

HERE = Path(__file__).resolve().parent

# What the section [rv_emu] of config.ini may set, and what holds otherwise.
DEFAULTS = {
    "ispec": HERE / "rv_emu_isa.yaml",
    "pspec": HERE / "rv_emu_platform.yaml",
    "emulator": "rv-emu",
    "emulator_options": "",
    "compiler": "riscv64-unknown-elf-gcc",
    "compiler_options": "",
    "jobs": os.cpu_count() or 1,
    "max_insns": 100_000_000,
    "timeout_seconds": 3600,
    "target_run": 1,
}


class rv_emu(pluginTemplate):
    """rv-emu as a RISCOF model; RISCOF wants the class to have the plug-in's name."""

    __model__ = "rv_emu"
    __version__ = "0.1.0"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        given = dict(kwargs.get("config") or {})
        base = kwargs.get("config_dir") or os.getcwd()
        # RISCOF's own convention is a key that its other plug-ins need and this one doesn't.
        given.pop("pluginpath", None)
        unknown = sorted(set(given) - set(DEFAULTS))
        if unknown:
            raise SystemExit(f"[rv_emu] in config.ini: unknown keys {', '.join(unknown)}")
        options = {**DEFAULTS, **given}
        # RISCOF reads these two attributes to validate the specifications.
        self.isa_spec = str(Path(base, options["ispec"]).resolve())
        self.platform_spec = str(Path(base, options["pspec"]).resolve())
        self.emulator = program(base, options["emulator"])
        self.emulator_options = shlex.split(options["emulator_options"])
        self.compiler = program(base, options["compiler"])
        self.compiler_options = shlex.split(options["compiler_options"])
        self.jobs = int(options["jobs"])
        self.max_insns = int(options["max_insns"])
        self.timeout_seconds = int(options["timeout_seconds"])
        self.target_run = str(options["target_run"]) != "0"

    def initialise(self, suite, workdir, env):
        self.work_dir = Path(workdir)
        self.suite_env = env

    def build(self, isa_yaml, platform_yaml):
        """There is nothing to build; better to find out here what is missing than in a hundred tests."""
        xlens = utils.load_yaml(isa_yaml)["hart0"]["supported_xlen"]
        if xlens != [64]:
            raise SystemExit(f"rv-emu is a 64-bit machine, and {isa_yaml} wants {xlens}")
        needed = [self.compiler, "make"] + ([self.emulator] if self.target_run else [])
        missing = [name for name in needed if shutil.which(name) is None]
        if missing:
            raise SystemExit(f"not found: {', '.join(missing)}")

    def runTests(self, testlist):
        make = utils.makeUtil(makefilePath=str(self.work_dir / f"Makefile.{self.name[:-1]}"))
        make.makeCommand = f"make --keep-going --jobs={self.jobs}"
        for test in testlist.values():
            make.add_target(self.recipe(test))
        make.execute_all(str(self.work_dir), timeout=self.timeout_seconds)
        if not self.target_run:
            raise SystemExit(0)

    def recipe(self, test):
        """The shell line for one test. The file names are those that RISCOF looks for."""
        folder = Path(test["work_dir"])
        signature = folder / f"{self.name[:-1]}.signature"
        steps = [["cd", folder], self.compile(test, "my.elf")]
        if self.target_run:
            steps.append(self.run("my.elf", signature))
        line = " && ".join(shlex.join(map(str, step)) for step in steps)
        # With the role, so that two such signatures aren't equal and the test passed.
        failed = f"echo '{self.name} not compiled or not run to its end' > {shlex.quote(str(signature))}"
        # The recipe is a line of a makefile, where a dollar sign is a variable.
        return f"@({line}) || {failed}".replace("$", "$$")

    def compile(self, test, elf):
        return [
            self.compiler,
            f"-march={test['isa'].lower()}",
            "-mabi=lp64",
            "-mcmodel=medany",
            "-static",
            "-nostdlib",
            "-nostartfiles",
            *("-T", HERE / "env" / "link.ld"),
            *("-I", HERE / "env"),
            *("-I", self.suite_env),
            *(f"-D{macro}" for macro in test["macros"]),
            *self.compiler_options,
            *("-o", elf),
            test["test_path"],
        ]

    def run(self, elf, signature):
        return [
            *(self.emulator, "run", elf),
            *("--cost-model", "flat"),
            *("--max-insns", self.max_insns),
            *("--signature", signature),
            *("--signature-granularity", 4),
            *self.emulator_options,
        ]


def program(base, name):
    """A program by path relative to config.ini, or by name alone to be looked up."""
    return str(Path(base, name).resolve()) if os.sep in str(name) else str(name)
