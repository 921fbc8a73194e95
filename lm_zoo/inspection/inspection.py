"""What inspecting a split gave, to print, to keep as a page and to work with."""

import shutil

from lm_zoo.files import expanded, make_folder_for, write_atomically
from lm_zoo.inspection.page import as_page
from lm_zoo.inspection.terminal import as_text
from lm_zoo.types import Path


class Inspection:
    """A report on the data as the model sees it; printed, it is the text of `lm-zoo inspect`.

    Args:
        values: What `lm_zoo.inspection.report.inspect` returned.
    """

    def __init__(self, values: dict) -> None:
        self.values = values

    def __repr__(self):
        return f"<{type(self).__name__} of {self.values['corpus']}, {self.values['split']}>"

    def __str__(self):
        width = min(shutil.get_terminal_size((100, 24)).columns, 160)
        return as_text(self.values, width) + "\n"

    def to_dict(self) -> dict:
        """Returns everything as JSON-ready values."""
        return self.values

    def save_page(self, path: Path) -> None:
        """Writes the page with plots, one HTML file that needs nothing besides itself.

        Raises:
            UserError: If it cannot be written.
        """
        path = expanded(path)
        make_folder_for(path)
        write_atomically(path, as_page(self.values))
