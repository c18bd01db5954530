from __future__ import annotations

import pytest
import torch

from single_image_studio.pictures.contact_sheet import SHEET, contact_sheet
from single_image_studio.pictures.grid import FRAME, Framed, grid_picture


@pytest.mark.parametrize(("height", "width"), [(8, 8), (64, 40), (104, 168)])
def test_every_cell_is_there_once_and_in_its_place(height: int, width: int) -> None:
    """Each cell has a grey of its own; reading the grid row by row finds them in order."""
    greys = torch.linspace(0.3, 0.9, 6).round(decimals=2)
    cells = greys.view(6, 1, 1, 1).expand(6, height, width, 3)
    grid = grid_picture(cells, ["alpha 0.1", "alpha 0.2", "alpha 0.3"], ["ratio 0", "ratio 0.5"])
    assert grid.shape[0] == 1 and grid.dtype == torch.float32
    places = []
    for grey in greys:
        level = (grey * 255).round() / 255
        found = ((grid[0] - level).abs() < 1e-6).all(-1)
        assert found.sum() >= height * width
        rows, columns = torch.where(found)
        places.append((rows.float().median().item(), columns.float().median().item()))
    for row in (places[:3], places[3:]):
        assert row[0][1] < row[1][1] < row[2][1] and abs(row[0][0] - row[2][0]) <= 1
    assert places[0][0] < places[3][0]


@pytest.mark.parametrize("cell", [0, 4, 5])
def test_a_frame_is_around_its_cell_and_on_no_picture(cell: int) -> None:
    cells = greys(6, 40, 64) * torch.tensor([1.0, 0.0, 0.0])  # red: no print has that colour
    labels = ["a", "b", "c"], ["d", "e"]
    plain, framed = grid_picture(cells, *labels), grid_picture(cells, *labels, Framed(cell, "best"))
    height, width = plain.shape[1:3]
    assert framed.shape[1] > height and framed.shape[2] == width
    level = (cells[cell, 0, 0] * 255).round() / 255
    ys, xs = torch.where(((plain[0] - level).abs() < 1e-6).all(-1))  # the cell
    frame = (framed[0] - torch.tensor(FRAME) / 255).abs().amax(-1) < 1e-6
    ringed = frame[ys.min() - 1 : ys.max() + 2, xs.min() - 1 : xs.max() + 2]
    assert ringed[0].all() and ringed[-1].all() and ringed[:, 0].all() and ringed[:, -1].all()
    assert not ringed[1:-1, 1:-1].any()
    for red in cells[:, 0, 0]:
        here = ((plain[0] - (red * 255).round() / 255).abs() < 1e-6).all(-1)
        assert torch.equal(framed[0, :height][here], plain[0][here])
    assert (framed[0, height:] != framed[0, -1, -1]).any()  # the legend


def test_a_long_legend_is_not_cut() -> None:
    narrow = grid_picture(greys(1, 8, 8), ["a"], ["b"], Framed(0, "a line that is wider than the grid"))
    assert narrow.shape[2] > grid_picture(greys(1, 8, 8), ["a"], ["b"]).shape[2]
    assert (narrow[0, :, -2:] == narrow[0, 0, 0]).all()


def greys(count: int, height: int, width: int) -> torch.Tensor:
    return torch.linspace(0.1, 0.9, count).view(count, 1, 1, 1).expand(count, height, width, 3)


@pytest.mark.parametrize(
    ("height", "width", "tile"), [(8, 12, (8, 12)), (1024, 512, (512, 256)), (300, 700, (219, 512))]
)
def test_a_sheet_cuts_into_its_cells(height: int, width: int, tile: tuple[int, int]) -> None:
    cells = greys(6, height, width)
    sheet = contact_sheet(cells, 3)
    assert sheet.shape == (1, 2 * tile[0], 3 * tile[1], 3)
    for index in range(6):
        row, column = divmod(index, 3)
        cut = sheet[0, row * tile[0] : (row + 1) * tile[0], column * tile[1] : (column + 1) * tile[1]]
        assert torch.allclose(cut, cells[index, 0, 0].expand_as(cut), atol=1e-5)


def test_a_sheet_of_many_cells_stays_a_picture_that_a_browser_can_draw() -> None:
    sheet = contact_sheet(greys(400, 64, 64).repeat(1, 2, 2, 1), 100)
    assert max(sheet.shape[1:3]) <= SHEET and sheet.shape[2] == 100 * (SHEET // 100)
