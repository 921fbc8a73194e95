"""Versions of an export, `NAME/VERSION`: TensorFlow Serving's layout, which all forms have."""


def versions_of(folder):
    """Returns number -> path of the folders in a `pathlib.Path` that are named by a number."""
    return {
        int(path.name): path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()
    }


def newest_version(folder):
    """Returns the path of the highest version in a folder; the folder itself where there is none."""
    versions = versions_of(folder)
    return versions[max(versions)] if versions else folder
