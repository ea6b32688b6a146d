"""Time single operations of the loop: scheduling, timers, tasks, registrations."""
