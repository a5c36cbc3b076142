"""What the kernel does with an output whose owner has died.

Linux returns a released line to an input, and resistors outside then hold every output off. The
kernels of Raspberry Pi OS do not: there an output keeps its last level (raspberrypi/linux pull
requests 6117 and 6150; the GPIO page of the Raspberry Pi documentation), so that a guard killed
while charging leaves its coil on, until somebody else claims the line or the coil supply's
watchdog lets go. `dtparam=strict_gpiod` in config.txt gives back what Linux does.

Responsibility: finds out which of the two this computer does. It can not change it.
"""

from __future__ import annotations

from drivers.machine import Machine

PARAMETERS = (
    "/sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs",
    "/sys/module/pinctrl_rp1/parameters/persist_gpio_outputs",
)
"""One for each family of header; a kernel has the one of its own board, or both."""
HOW_TO_RELEASE = (
    "outputs keep their level when their process dies: add dtparam=strict_gpiod to "
    "/boot/firmware/config.txt and reboot"
)


def outputs_outlive_process(machine: Machine) -> bool | None:
    """True: a dead guard's coil stays on. None: this kernel does not say (an older one, or not a
    Raspberry Pi's); take it for True."""
    answers = [answer for path in PARAMETERS if (answer := _answer(machine, path))]
    return any(answer == "Y" for answer in answers) if answers else None


def _answer(machine: Machine, path: str) -> str:
    try:
        return machine.read_text(path).strip()
    except OSError:
        return ""
