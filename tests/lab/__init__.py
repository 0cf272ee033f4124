"""A small organisation on one machine.

Any number of "hosts" on loopback addresses, each with a Postfix instance and
the posthub daemons of its own, and one private Redis. Nothing of the system's
is touched, two labs can run at once, and a lab that is killed cleans up after
itself. Start with lab.py.
"""
