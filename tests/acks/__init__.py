"""Tests of iobuffer.acks; a package, because other folders have a test_auto too."""
