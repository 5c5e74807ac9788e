#!/usr/bin/python3
"""Writes bans into a database as fail2ban itself does, for tests/fail2ban.rs.

Usage: bans.py DATABASE
"""
import sys, time

from fail2ban.server.database import Fail2BanDb
from fail2ban.server.ticket import FailTicket
from fail2ban.tests.dummyjail import DummyJail

BANS = [("203.0.113.7", 10, 600), ("2001:db8:1::7", 5, -1), ("203.0.113.8", 5000, 60), ("127.0.0.1", 1, 600)]

database = Fail2BanDb(sys.argv[1])
for name in ("sshd", "gone"):
    jail = DummyJail(name)
    database.addJail(jail)
    for address, age, bantime in BANS:
        ticket = FailTicket(address, time.time() - age, ["a line"])
        ticket.setBanTime(bantime)
        ticket.setAttempt(4)
        database.addBan(jail, ticket)
