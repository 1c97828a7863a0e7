"""The bytes of an .aec file: header, sections, panels."""
