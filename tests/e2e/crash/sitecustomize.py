"""A defect in the collection, wherever it runs: an exception whose text quotes what the function was given."""

import os
import sys


class Finder:
    """Sees the module being imported, and breaks a function that it calls."""

    def find_spec(self, name, path=None, target=None):
        if not name.endswith(".rules.task_definition"):
            return None
        sys.meta_path.remove(self)
        import importlib.util

        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def broken(module):
            execute(module)

            def plan(base, model, changes, definition, images):
                raise KeyError(f"{changes} {definition} {images}")

            module.plan = plan

        spec.loader.exec_module = broken
        return spec


if os.environ.get("CRASH"):
    sys.meta_path.insert(0, Finder())
