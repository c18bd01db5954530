"""A real ComfyUI for tests and demos: set-up, server, client, the frame of commands, and the host in this process."""
