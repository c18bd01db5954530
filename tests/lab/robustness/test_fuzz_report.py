"""What the long fuzz reads of its tests' words, and its table."""

from __future__ import annotations

from lab.robustness import fuzz

SAID = """
..F [100%]
============================ Hypothesis Statistics =============================
tests/support/test_a.py::test_concept_files:

  - during reuse phase (0.25 seconds):
    - 2 passing, 0 failing, and 0 invalid test cases

  - during generate phase (0.25 seconds):
    - Typical runtimes: ~ 2-11 ms, of which ~ 0-4 ms in data generation
    - 28 passing, 0 failing, and 0 invalid test cases

  - Stopped because settings.max_examples=30


tests/nodes/test_b.py::test_it[LoadInversion]:

  - during generate phase (1.05 seconds):
    - 20 passing examples, 1 failing examples, 19 invalid examples

  - during shrink phase (0.41 seconds):
    - 3 passing examples, 2 failing examples, 1 invalid examples

  - Stopped because nothing left to do


1 failed, 2 passed in 3.1s
"""


def test_every_input_is_counted() -> None:
    assert fuzz.counts(SAID) == {
        "tests/support/test_a.py::test_concept_files": [30, 0],
        "tests/nodes/test_b.py::test_it[LoadInversion]": [20, 1],
    }
    assert not fuzz.counts("1 error in 0.1s")


def test_the_table_adds_rounds_up() -> None:
    rows = [{"seconds": 90, "day": "2026-12-01", "tests": fuzz.counts(SAID)}] * 2
    made = fuzz.text(rows)
    assert "2 rounds, 3 minutes, 102 inputs" in made
    assert "| SIS_LoadInversion | 42 | 2 |\n| concept files | 60 | 0 |" in made
