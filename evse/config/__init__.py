"""The station's configuration file, read strictly."""
