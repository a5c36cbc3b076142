"""Who may charge where: tokens validated, EVSEs selected and kept, and told to displays."""
