"""Imports every module of the packages that are named, and runs all functions of the modules that are tests."""

import asyncio
import importlib
import inspect
import pkgutil
import sys


async def check(names: list[str]) -> int:
    """How many tests passed. All of them share one loop, which gRPC's library is used to."""
    passed = 0
    for name in names:
        module = importlib.import_module(name)
        for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
            importlib.import_module(found.name)
        for test, function in inspect.getmembers(module, inspect.isfunction):
            if test.startswith("test_"):
                result = function()
                if inspect.isawaitable(result):
                    await result
                passed += 1
    return passed


if __name__ == "__main__":
    print(f"{asyncio.run(check(sys.argv[1:]))} passed, 0 failed")
