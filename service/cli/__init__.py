"""The command line, `kam`: one file per command. A module is loaded when its command is called, so that `kam --help` is
fast.
"""
