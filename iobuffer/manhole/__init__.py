"""A Python prompt inside the running gateway, over SSH. Off unless it is configured."""
