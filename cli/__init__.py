"""The commands, one file each: options to one call. Nothing heavy is imported at the top."""
