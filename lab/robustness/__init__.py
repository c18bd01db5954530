"""What cancels, faults, kills and long queues leave behind, on a real ComfyUI."""
