"""A real ComfyUI for tests and demos: set-up, server, client, and the host inside this process."""
