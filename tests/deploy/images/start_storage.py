"""The tests' storage server with the settings of the official one."""

import os
from pathlib import Path


def main() -> None:
    """Serve until the container is stopped."""
    import uvicorn
    from storage_server import StorageServer  # type: ignore[import-not-found]  # beside this file in the image

    folder, secret = Path(os.environ["FILE_STORAGE_BACKEND_PATH"]), os.environ["PGRST_JWT_SECRET"]
    server = StorageServer(os.environ["DATABASE_URL"], folder, secret)
    uvicorn.run(server.app(), host="0.0.0.0", port=5000, log_level="warning")


if __name__ == "__main__":
    main()
