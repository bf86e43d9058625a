"""Upload an exported folder to the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

from segarena.errors import ConfigError, RunError
from segarena.extras import require
from segarena.formats import command

_OPTION = "--push-to"
_LOG_IN = "Log in with `hf auth login`, or set HF_TOKEN to a token that may write, from https://huggingface.co/settings/tokens"


def check_repository(name: str) -> None:
    """Check what an upload needs, before any other work and without a connection.

    Args:
        name: The repository, OWNER/NAME.

    Raises:
        ConfigError: It is not such a name, huggingface_hub is not installed, or it has no token.
    """
    if not re.fullmatch(r"[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}", name):
        raise ConfigError(f"{name!r} is not OWNER/NAME", where=_OPTION, remedy="Give e.g. my-name/roads")
    require(["huggingface_hub"], "hub", "an upload to the Hugging Face hub")
    import huggingface_hub

    if not huggingface_hub.get_token():
        raise ConfigError("there is no token for the Hugging Face hub", where=_OPTION, remedy=_LOG_IN)


def push_folder(folder: Path, name: str, *, public: bool) -> str:
    """Upload a folder, in one commit, to a repository that is made where there is none.

    The token is where huggingface_hub has it: the variable HF_TOKEN, or the file of `hf auth login`.

    Args:
        folder: The folder.
        name: The repository, OWNER/NAME.
        public: Whether anybody may read it. Without, a new repository is private, and one that is public is refused.

    Returns:
        The address of the repository.

    Raises:
        RunError: It could not be uploaded; the folder stays.
    """
    import huggingface_hub

    api = huggingface_hub.HfApi(library_name="segarena")
    try:
        address = str(api.create_repo(name, private=not public, exist_ok=True))
        if not public and not api.repo_info(name).private:
            raise RunError(
                f"was not uploaded: {name} exists and is public, so anybody could read the model",
                where=folder,
                remedy="Name another repository with --push-to, or add --public",
            )
        api.upload_folder(repo_id=name, folder_path=str(folder), commit_message="Model exported by segarena")
    except (OSError, ValueError, RuntimeError) as error:  # of the hub, of the network; RunError is none of them
        raise _failed(error, folder, name, public=public) from error
    return address


def _failed(error: Exception, folder: Path, name: str, *, public: bool) -> RunError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    again = f"`{command('hf', 'upload', name, folder, *([] if public else ['--private']))}`"
    if status in (401, 403):
        return RunError(
            f"was not uploaded: the token may not write to {name} (status {status})",
            where=folder,
            remedy=f"{_LOG_IN}. Then upload it: {again}",
        )
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return RunError(
        f"was not uploaded to {name} ({reason})",
        where=folder,
        remedy=f"Check the connection and the name, and upload it: {again}",
    )
