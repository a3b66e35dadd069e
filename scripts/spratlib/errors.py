# SPDX-License-Identifier: BSD-2-Clause
"""What can go wrong, as exceptions, and the exit codes of `sprat`."""

EXIT_USAGE = 2  # the command line makes no sense
EXIT_TIMEOUT = 124  # as timeout(1)
EXIT_FAILURE = 125  # sprat itself failed; lower codes are the guest's or the command's own
EXIT_CRASH = 139  # the guest crashed; as a shell reports SIGSEGV


class SpratError(Exception):
    """A failure told to the user in one message that says what to do; no traceback."""

    def __init__(self, message, exit_code=EXIT_FAILURE):
        super().__init__(message)
        self.exit_code = exit_code


class UsageError(SpratError):
    """The command line makes no sense."""

    def __init__(self, message):
        super().__init__(message, EXIT_USAGE)
