"""What `ray job submit` starts. Each job reads as a story; the library does the work."""
