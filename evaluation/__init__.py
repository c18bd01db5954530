"""Looking at results: pictures and numbers of what was made."""
