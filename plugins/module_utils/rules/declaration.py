# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a declaration, before any call is made."""

from __future__ import annotations


class DeclarationError(Exception):
    """A declaration that cannot be meant: what was expected, what was found, what to write instead."""

    def __init__(self, msg: str) -> None:
        super().__init__(msg)
        self.msg = msg
