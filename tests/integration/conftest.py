# SPDX-License-Identifier: Apache-2.0
"""Fixtures: `stack` is shared by a session's tests, `own_stack` makes stacks for tests that break things."""
import contextlib
import ctypes
import os

import pytest

import harness
from town_folder import Town


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the servers said."""
    outcome = yield
    report = outcome.get_result()
    stacks = {v for v in getattr(item, "funcargs", {}).values() if isinstance(v, harness.Stack)}
    for stack in stacks.union(getattr(item, "own_stacks", ())):
        faults = stack.faults() if call.when == "call" else []
        if faults and report.passed:
            report.outcome = "failed"
            report.longrepr = "the daemon is at fault:\n" + "\n".join(faults)
        if report.failed:
            report.sections.append(("servers' logs", stack.tails()))


@pytest.fixture(scope="session", autouse=True)
def no_orphans():
    """The servers outlive `deploy/stack`, which started them: this process adopts and reaps them."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)
    yield
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


@pytest.fixture(scope="session")
def shared_stack(no_orphans):
    stack = harness.Stack(sites=150, settings=["mqtt.max_payload_bytes=65536"])
    yield stack
    stack.close()


@pytest.fixture
def stack(shared_stack):
    if not harness.alive(shared_stack.pid):
        shared_stack.start("firewatchd")    # one test's crash is not the failure of all that follow
    return shared_stack


@pytest.fixture
def own_stack(request):
    """Makes a stack for this test alone: own_stack(sites=…, settings=[…])."""
    request.node.own_stacks = []

    def make(**options):
        made = harness.Stack(**options)
        request.node.own_stacks.append(made)
        return made

    yield make
    for made in request.node.own_stacks:
        made.close()


@pytest.fixture
def site(stack):
    return stack.site()


@pytest.fixture
def town(stack, tmp_path):
    """The files of a town, to be imported."""
    made = Town(stack, tmp_path)
    yield made
    made.close()
