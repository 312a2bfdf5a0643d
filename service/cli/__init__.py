"""The command line, `kam`: one file per command, loaded when it is called, so that `kam --help` answers at once."""
