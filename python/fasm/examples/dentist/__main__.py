"""`python -m fasm.examples.dentist` simulates it and prints the report."""

from fasm.examples._demo import run

run("fasm.examples.dentist:DentistScenario")
