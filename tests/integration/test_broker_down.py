# SPDX-License-Identifier: Apache-2.0
"""The broker goes and comes back: the daemon finds it again, and what devices kept arrives."""
import os
import signal

from harness import Device, pb, wait_equal, wait_until


def test_a_broker_that_comes_back_is_found_again(own_stack):
    stack = own_stack()
    site = stack.site()
    device = Device(stack, site.a)
    device.recorded(device.send(device.report(readings=[(1, 1.0)])))
    for _ in range(2):
        stack.stop("mosquitto")
        wait_until(lambda: not stack.mqtt.client.is_connected())
        stack.start("mosquitto")
        wait_until(stack.mqtt.client.is_connected)
        device.recorded(device.send(device.report(readings=[(1, 2.0)])))
    fire = device.id(device.raises(pb.CONDITION_FIRE))
    stack.receiver.wait(site.guardian, fire)


def test_what_comes_while_the_daemon_is_stopped_waits_at_the_broker(own_stack):
    stack = own_stack()
    site = stack.site()
    device = Device(stack, site.a)
    os.kill(stack.pid, signal.SIGTERM)
    stack.stop("firewatchd")
    assert "stopped" in stack.log("firewatchd").splitlines()[-1]
    meant = [device.send(device.report(readings=[(1, float(i))])) for i in range(2000)]
    fire = device.id(device.raises(pb.CONDITION_FIRE))
    stack.start("firewatchd")
    stack.receiver.wait(site.guardian, fire)
    wait_equal(lambda: stack.value("SELECT count(*) FROM report WHERE device = %s", site.a), len(meant) + 1)
