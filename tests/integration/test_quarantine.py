# SPDX-License-Identifier: Apache-2.0
"""What was quarantined can be taken in again, once, however many are asked for and whenever."""
from harness import Device, pb, wait_equal, wait_until


def outcomes(stack, device):
    return dict(stack.rows("SELECT coalesce(replay_outcome, 'pending'), count(*) FROM firewatch.quarantine WHERE device = %s "
                           "GROUP BY 1", device))


def test_a_child_that_was_not_registered_is_taken_in_after_it_is(stack, site):
    gateway = Device(stack, site.gateway)
    gateway.send(gateway.report(device_id="late-child", readings=[(pb.QUANTITY_TEMPERATURE_CELSIUS, 21.5)]))
    refused = stack.row("SELECT quarantine_id, reason FROM firewatch.quarantine WHERE device = %s", site.gateway)
    assert refused["reason"] == "identity"
    stack.rows("INSERT INTO firewatch.device (device, parent, site, division) VALUES ('late-child', %s, %s, %s) RETURNING 1",
               site.gateway, site.id, site.division)
    stack.ctl("quarantine", "replay", refused["quarantine_id"], "--actor", "管理员")
    wait_equal(lambda: outcomes(stack, site.gateway), {"recorded": 1})
    assert stack.value("SELECT count(*) FROM firewatch.reading_history WHERE device = 'late-child'") == 1
    again = stack.ctl("quarantine", "replay", refused["quarantine_id"], "--actor", "管理员", check=False)
    assert again.returncode == 1
    assert stack.value("SELECT count(*) FROM report WHERE device = 'late-child'") == 1


def test_many_replays_asked_for_while_the_daemon_is_down(own_stack):
    stack = own_stack(sites=1)
    site = stack.site()
    gateway = Device(stack, site.gateway)
    many = 250
    gateway.send(*[gateway.report(device_id="late-child", sequence=n + 1) for n in range(many)])
    wait_equal(lambda: outcomes(stack, site.gateway), {"pending": many})
    stack.stop("firewatchd")
    stack.rows("INSERT INTO firewatch.device (device, parent, site, division) VALUES ('late-child', %s, %s, %s) RETURNING 1",
               site.gateway, site.id, site.division)
    stack.rows("SELECT firewatch.replay_quarantined(quarantine_id, '管理员') FROM firewatch.quarantine")
    stack.start("firewatchd")
    wait_equal(lambda: outcomes(stack, site.gateway), {"recorded": many})
    wait_until(lambda: stack.value("SELECT count(*) FROM report WHERE device = 'late-child'") == many)
