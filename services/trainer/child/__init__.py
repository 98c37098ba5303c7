"""The warm child process, and all that crosses the pipe."""
