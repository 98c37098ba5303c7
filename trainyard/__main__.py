"""``python -m trainyard`` is the command line."""

from trainyard.cli import main

if __name__ == "__main__":
    main()
