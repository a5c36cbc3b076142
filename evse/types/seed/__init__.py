"""The spellings of September 2023 at the door, and what they mean in the internal model.

The interface pages that this product keeps mix two generations. Inside there is one, the present;
`shapes` has the types of the other where they differ, `accept` reads either, `emit` and `events`
write the older one, `table` says as data which shape goes in and out.
"""
