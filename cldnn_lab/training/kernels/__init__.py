"""The arithmetic of Keras's layers and updates in an order that a processor gets through faster."""
