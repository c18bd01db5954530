"""What Edit Grid says of its cells."""

from __future__ import annotations

import pytest
import torch

pytestmark = pytest.mark.usefixtures("host")


def test_the_labels_are_a_line_for_each_picture_also_where_a_page_reads_markdown() -> None:
    from single_image_studio.pipelines.best_cell import Proposal
    from single_image_studio.pipelines.edit_grid import GridAxes, SampledGrid

    labels = SampledGrid(GridAxes([0.2, 1.0], [0.1]), [torch.zeros(2, 8, 8, 3)] * 2, Proposal()).labels()
    lines = ["alpha 0.2, source ratio 0.1", "alpha 1, source ratio 0.1"] * 2
    assert [line.rstrip() for line in labels.splitlines()] == lines
    assert labels.count("  \n") == len(lines) - 1  # Markdown's own end of a line
