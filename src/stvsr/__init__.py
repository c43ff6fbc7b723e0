"""Space-time video super-resolution: small, choppy video in; large, smooth video out."""
