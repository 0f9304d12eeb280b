"""Log files of other programs: followed through rotations, their lines parsed and joined into records."""
