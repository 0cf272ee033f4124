"""Tests of posthub that need running programs; see tests/run."""
