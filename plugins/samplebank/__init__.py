"""Writes the files a practice bank's core system would deliver. Off outside training mode."""
