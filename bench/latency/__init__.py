"""How late a loop is: timers, sockets beside work that never ends, and how still it is with nothing to do."""
