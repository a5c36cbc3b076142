"""The control pilot's output: a hardware PWM of the kernel, never one that software times."""
