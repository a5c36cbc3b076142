"""Every reachable state of the guard, judged by outside observers."""
