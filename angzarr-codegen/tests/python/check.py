"""Imports every module of the packages that are named, then runs what the other arguments' `test_` functions check."""

import asyncio
import importlib
import inspect
import pkgutil
import sys

count = 0
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
        importlib.import_module(found.name)
    for test, function in inspect.getmembers(module, inspect.isfunction):
        if test.startswith("test_"):
            result = function()
            if inspect.iscoroutine(result):
                asyncio.run(result)
            count += 1
print(f"{count} passed, 0 failed")
