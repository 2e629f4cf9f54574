"""Training: the backend and its precision, compiled batch loops, and the epochs around them."""
